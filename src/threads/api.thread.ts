/**
 * Api thread: listens for merchants, processors' callbacks and operators. It never sees a card. Without shard threads it runs the
 * lanes too.
 *
 * @module
 */

import { createPostgresBus } from '../bus/postgres/callback-bus.ts';
import { createReceive } from '../callbacks/publish.ts';
import { LIMITS } from '../config/limits.ts';
import { connectors } from '../connectors/registry.ts';
import { createIntentRoute } from '../http/endpoints/create-intent.ts';
import { createSessionRoute } from '../http/endpoints/create-session.ts';
import { getIntentRoute } from '../http/endpoints/get-intent.ts';
import { getTransactionRoute } from '../http/endpoints/get-transaction.ts';
import { healthRoutes, type ReadyCheck } from '../http/endpoints/health.ts';
import { metricsRoute } from '../http/endpoints/metrics.ts';
import { openApiRoute } from '../http/endpoints/openapi.ts';
import { receiveCallbackRoute } from '../http/endpoints/receive-callback.ts';
import { transactionEventsRoute } from '../http/endpoints/transaction-events.ts';
import { webhookDeliveriesRoutes } from '../http/endpoints/webhook-deliveries.ts';
import { webhookEndpointsRoutes } from '../http/endpoints/webhook-endpoints.ts';
import type { Route } from '../http/routes.ts';
import { type HttpServer, startHttp } from '../http/server.ts';
import { randomBytes } from '../runtime/random.ts';
import { openAccounts } from './accounts.ts';
import { applyCallback } from './apply-callback.ts';
import { answerAsks, askLanes, askShards, enterGatewayThread } from './gateway.ts';
import { openLanes } from './lanes.ts';
import { listenerOptions } from './listener.ts';
import { openMerchantWebhooks } from './merchant-webhooks.ts';
import { merchantGate, openControl } from './merchants.ts';
import { createReadyChecks } from './ready-checks.ts';
import { openSessions } from './sessions.ts';

const guest = enterGatewayThread();
const { options } = guest.options;
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
  const sessions = await openSessions(guest);
  const accounts = await openAccounts(options, control);
  const webhooks = openMerchantWebhooks(guest, control, accounts);

  const checks = createReadyChecks({ guest, ask, control, sessions });
  // Before any other port: whoever holds it is the one gateway of this address.
  const ops = await startHttp({
    ...listenerOptions(guest),
    port: options.ports.ops,
    exclusive: true,
    routes: opsRoutes(checks),
  });
  servers.push(ops);
  const api = await startHttp({ ...listenerOptions(guest), port: options.ports.api, routes: apiRoutes() });
  servers.push(api);

  guest.onHeartbeat(() => ({ waiting: lanes?.waiting() ?? 0 }));
  guest.onDrain(async () => {
    api.stopListening();
    await Promise.all([api.drained(), webhooks.endTests()]);
    await lanes?.close();
    await webhooks.close();
    await Promise.all([control.close(), sessions.close(), accounts.close()]);
    for (const server of servers) server.close();
  });
  guest.ready({ apiPort: api.port, opsPort: ops.port });

  function apiRoutes(): Route[] {
    const routes: Route[] = [openApiRoute()];
    if (options.roles.includes('api')) routes.push(...merchantRoutes());
    if (options.roles.includes('callbacks')) routes.push(callbackRoute());
    return routes;
  }

  function merchantRoutes(): Route[] {
    const gate = merchantGate(guest, control);
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
        putSession: sessions.put,
        onSessionStoreFailed: (error) =>
          guest.log('error', 'session_store_failed', { errorMessage: String(error) }),
        sessionLifetimeMs: options.session.ttlSeconds * 1000,
        sessionGraceMs: options.session.graceSeconds * 1000,
        publicCheckoutUrl: options.publicCheckoutUrl,
        plainHttpRedirects: options.mode === 'test',
      }),
      getTransactionRoute(shared),
      transactionEventsRoute(shared),
      getIntentRoute(shared),
      ...webhookEndpointsRoutes({ ...shared, ...webhooks.deps }),
      ...webhookDeliveriesRoutes({ ...shared, ...webhooks.deps }),
    ];
  }

  function callbackRoute(): Route {
    const receive = createReceive({
      connectors: connectors(options),
      secretsOf: accounts.webhookSecrets,
      onSecretsFailed: (error, processor) =>
        guest.log('error', 'webhook_secret_unavailable', { processor, errorMessage: String(error) }),
      bus: createPostgresBus({ apply: applyCallback(guest, ask) }),
    });
    return receiveCallbackRoute({
      receive,
      signatureHeaders: ['x-sandbox-signature', 'x-sandbox-timestamp'],
      bodyLimitBytes: LIMITS.callbackBodyBytesMax,
    });
  }
}

function opsRoutes(checks: () => Promise<Record<string, ReadyCheck>>): Route[] {
  return [
    ...healthRoutes({
      checks,
      onChecksFailed: (error) => guest.log('error', 'ready_checks_failed', { errorMessage: String(error) }),
    }),
    metricsRoute(async () => (await guest.gatherMetrics()) ?? ''),
  ];
}
