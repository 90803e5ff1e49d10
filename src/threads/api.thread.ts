/**
 * Api thread: listens for merchants, processors' callbacks and operators, each where its role runs; operators always. It never sees a
 * card. Without shard threads it runs the lanes too. It opens what its roles need and no more.
 *
 * @module
 */

import type { CallbackBus } from '../bus/bus.ts';
import { type Confirm, createConfirm } from '../callbacks/confirm.ts';
import { createReceive } from '../callbacks/publish.ts';
import { LIMITS } from '../config/limits.ts';
import type { Role } from '../config/options.ts';
import type { Connector } from '../connectors/connector.ts';
import { connectors } from '../connectors/registry.ts';
import { createIntentRoute } from '../http/endpoints/create-intent.ts';
import { createSessionRoute } from '../http/endpoints/create-session.ts';
import { getIntentRoute } from '../http/endpoints/get-intent.ts';
import { getTransactionRoute } from '../http/endpoints/get-transaction.ts';
import { healthRoutes, type Readiness } from '../http/endpoints/health.ts';
import { listPayoutsRoute } from '../http/endpoints/list-payouts.ts';
import { metricsRoute } from '../http/endpoints/metrics.ts';
import { openApiRoute } from '../http/endpoints/openapi.ts';
import { receiveCallbackRoute } from '../http/endpoints/receive-callback.ts';
import { transactionEventsRoute } from '../http/endpoints/transaction-events.ts';
import { webhookDeliveriesRoutes } from '../http/endpoints/webhook-deliveries.ts';
import { webhookEndpointsRoutes } from '../http/endpoints/webhook-endpoints.ts';
import { createRateLimit, HINT_RATE, SHOPPER_NAMES_MAX } from '../http/rate-limit.ts';
import type { Route } from '../http/routes.ts';
import { type HttpServer, startHttp } from '../http/server.ts';
import type { AskShard } from '../messages/ask.ts';
import { randomBytes } from '../runtime/random.ts';
import { type Accounts, openAccounts } from './accounts.ts';
import { applyCallback } from './apply-callback.ts';
import { openBus } from './bus.ts';
import { followCertificate } from './certificate.ts';
import { answerAsks, askLanes, askShards, enterGatewayThread } from './gateway.ts';
import { openLanes } from './lanes.ts';
import { listenerOptions } from './listener.ts';
import { openMerchantWebhooks } from './merchant-webhooks.ts';
import { merchantGate, openControl } from './merchants.ts';
import { openRateLimits } from './rate-limits.ts';
import { createReadyChecks } from './ready-checks.ts';
import { openRedis } from './redis.ts';
import { openSessions } from './sessions.ts';
import { openSettlementDesk } from './settlement-desk.ts';

const guest = enterGatewayThread();
const { options } = guest.options;
const takes = (role: Role): boolean => options.roles.includes(role);
const servers: HttpServer[] = [];
guest.onFatal(() => {
  for (const server of servers) server.close();
});
await open().catch(guest.fail);

async function open(): Promise<void> {
  const lanes = options.threads.shards === 0 ? openLanes(guest, 0) : null;
  if (lanes !== null) answerAsks(guest, lanes);
  const ask = lanes === null ? askShards(guest) : askLanes(lanes);
  const control = openControl(guest);
  const redis = takes('api') || takes('checkout') ? await openRedis(guest) : null;
  const openRateLimit = openRateLimits(guest, redis);
  const sessions = takes('api') || takes('checkout') ? openSessions(guest, redis) : null;
  const accounts = takes('api') || takes('callbacks') ? await openAccounts(options, control) : null;
  const webhooks = takes('api') ? openMerchantWebhooks(guest, control, accounts!, openRateLimit) : null;
  const desk = openSettlementDesk(guest);
  const processors = connectors(options);
  const confirm = takes('callbacks') ? openConfirm(processors, ask, accounts!) : null;
  const bus = takes('callbacks') ? await openBus(guest, applyCallback(guest, ask)) : null;
  let draining = false;

  await followCertificate(guest, servers);
  const parts =
    bus === null || options.kafka.brokers.length === 0
      ? []
      : [{ name: 'bus', needed: false, look: bus.ping }];
  const readiness = createReadyChecks({ guest, ask, control, sessions, parts });
  // Before any other port: whoever holds it is the one gateway of this address.
  const ops = await startHttp({
    ...listenerOptions(guest),
    port: options.ports.ops,
    exclusive: true,
    routes: [...opsRoutes(readiness, () => draining), ...desk.adminRoutes()],
  });
  servers.push(ops);
  const api = accounts === null ? null : await openListener();

  guest.onHeartbeat(() => ({ waiting: lanes?.waiting() ?? 0 }));
  guest.onLeave(() => {
    draining = true;
    api?.letGo();
  });
  guest.onDrain(async () => {
    api?.stopListening();
    await Promise.all([api?.drained(), webhooks?.endTests()]);
    // What goes past Kafka goes through the lanes: they close after it.
    await Promise.all([confirm?.close(), bus?.close()]);
    await lanes?.close();
    await webhooks?.close();
    await Promise.all([control.close(), sessions?.close(), accounts?.close(), desk.close()]);
    redis?.close();
    for (const server of servers) server.close();
  });
  guest.ready({ ...(api !== null && { apiPort: api.port }), opsPort: ops.port });

  async function openListener(): Promise<HttpServer> {
    const routes = apiRoutes();
    const listener = await startHttp({ ...listenerOptions(guest), port: options.ports.api, routes });
    servers.push(listener);
    return listener;
  }

  function apiRoutes(): Route[] {
    const routes: Route[] = [openApiRoute()];
    if (takes('api')) routes.push(...merchantRoutes());
    if (bus !== null) routes.push(callbackRoute(bus));
    return routes;
  }

  function merchantRoutes(): Route[] {
    const gate = merchantGate(guest, control, openRateLimit);
    const shared = {
      gate,
      ask,
      askDeadlineMs: LIMITS.replyTimeoutMs,
      bodyLimitBytes: LIMITS.apiBodyBytesMax,
      randomBytes,
    };
    return [
      createIntentRoute(shared),
      createSessionRoute({
        ...shared,
        putSession: sessions!.put,
        onSessionStoreFailed: (error) =>
          guest.log('error', 'session_store_failed', { errorMessage: String(error) }),
        sessionLifetimeMs: options.session.ttlSeconds * 1000,
        sessionGraceMs: options.session.graceSeconds * 1000,
        publicCheckoutUrl: options.publicCheckoutUrl,
        plainHttpRedirects: options.mode === 'test',
      }),
      getTransactionRoute({ ...shared, publicCheckoutUrl: options.publicCheckoutUrl }),
      transactionEventsRoute(shared),
      getIntentRoute(shared),
      listPayoutsRoute({ gate, ...desk.payouts }),
      ...webhookEndpointsRoutes({ ...shared, ...webhooks!.deps }),
      ...webhookDeliveriesRoutes({ ...shared, ...webhooks!.deps }),
    ];
  }

  function callbackRoute(bus: CallbackBus): Route {
    const receive = createReceive({
      connectors: processors,
      secretsOf: accounts!.webhookSecrets,
      onSecretsFailed: (error, processor) =>
        guest.log('error', 'webhook_secret_unavailable', { processor, errorMessage: String(error) }),
      bus,
      confirm: confirm!,
    });
    return receiveCallbackRoute({
      receive,
      signatureHeaders: [...new Set(processors.flatMap((connector) => connector.signatureHeaders))],
      bodyLimitBytes: LIMITS.callbackBodyBytesMax,
    });
  }
}

/** Asks the processors of callbacks that are hints. */
function openConfirm(processors: readonly Connector[], ask: AskShard, accounts: Accounts): Confirm {
  const queries = new Map(processors.map(({ name, query }) => [name, query]));
  return createConfirm({
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    mayAsk: createRateLimit({ ...HINT_RATE, namesMax: SHOPPER_NAMES_MAX }),
    queryOf: (processor) => queries.get(processor),
    accountOf: accounts.accountOf,
    now: Date.now,
    randomBytes,
    onQuery: (processor, outcome) => guest.metrics.recoveryQueries.of(processor, outcome).add(),
    onHint: (processor, outcome) => guest.metrics.callbackHints.of(processor, outcome).add(),
    onTrouble: (error) => guest.log('warn', 'hint_not_confirmed', { errorMessage: String(error) }),
  });
}

function opsRoutes(readiness: () => Promise<Readiness>, draining: () => boolean): Route[] {
  return [
    ...healthRoutes({
      readiness,
      draining,
      onChecksFailed: (error) => guest.log('error', 'ready_checks_failed', { errorMessage: String(error) }),
    }),
    metricsRoute(async () => (await guest.gatherMetrics()) ?? ''),
  ];
}
