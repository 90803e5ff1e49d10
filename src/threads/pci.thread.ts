/**
 * Pci thread: listens for shoppers; tokenizer and processor calls. Cards stay here and in the HSM's workers.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises';
import { createAskBank } from '../checkout/ask-bank.ts';
import { processPaymentRoutes } from '../checkout/endpoints/process-payment.ts';
import { returnFromBankRoutes } from '../checkout/endpoints/return-from-bank.ts';
import { serveScriptRoute } from '../checkout/endpoints/serve-script.ts';
import { showCheckoutRoutes } from '../checkout/endpoints/show-checkout.ts';
import { showResultRoutes, stateOf } from '../checkout/endpoints/show-result.ts';
import { takeOtpRoutes } from '../checkout/endpoints/take-otp.ts';
import { createOtp } from '../checkout/otp.ts';
import { createPay } from '../checkout/pay.ts';
import { RETURN_PATH } from '../checkout/return-cookies.ts';
import { tellShard } from '../checkout/tell-shard.ts';
import { createWatch } from '../checkout/watch.ts';
import { LIMITS } from '../config/limits.ts';
import type { RateLimit } from '../config/options.ts';
import { createCharges } from '../connectors/charges.ts';
import { connectors } from '../connectors/registry.ts';
import { FAULT_POINTS, type FaultPoint } from '../domain/fault-points.ts';
import { showTransactionId, type TransactionId } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { SealedPage } from '../domain/sealed-page.ts';
import type { VaultStore } from '../hsm/hsm.ts';
import { createTokenizer } from '../hsm/tokenizer.ts';
import { subscriberOf } from '../http/client-address.ts';
import { readIdempotencyKey } from '../http/idempotency-key.ts';
import { problem } from '../http/problem.ts';
import {
  CARD_RATE_LIVE_DEFAULT,
  OTP_RATE,
  OTP_RESEND_RATE,
  SESSION_RATE_DEFAULT,
  SHOPPER_NAMES_MAX,
  type RateLimit as SharedRateLimit,
} from '../http/rate-limit.ts';
import { type HttpServer, startHttp } from '../http/server.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { createPassPoint } from '../runtime/fault-points.ts';
import { randomBytes } from '../runtime/random.ts';
import { settledWithin } from '../runtime/settled-within.ts';
import { createVaultStore } from '../storage/postgres/vault.ts';
import { openAccounts } from './accounts.ts';
import { followCertificate } from './certificate.ts';
import { askShards, enterGatewayThread, passOften } from './gateway.ts';
import { listenerOptions } from './listener.ts';
import { merchantGate, openControl } from './merchants.ts';
import { type OpenRateLimit, openRateLimits, type SharedLimit } from './rate-limits.ts';
import { openRedis } from './redis.ts';
import { openSessions } from './sessions.ts';

/** Of its time to drain, what this thread keeps for what became of charges given up, and for closing. */
const CLOSE_MS = 1000;

const guest = enterGatewayThread();
const { options, faults } = guest.options;
const { log, metrics, passPoint } = guest;
const servers: HttpServer[] = [];
guest.onFatal(() => {
  for (const server of servers) server.close();
});
await open().catch(guest.fail);

async function open(): Promise<void> {
  const ask = askShards(guest);
  const control = openControl(guest);
  const redis = await openRedis(guest);
  const openRateLimit = openRateLimits(guest, redis);
  const gate = merchantGate(guest, control, openRateLimit);
  const sessions = openSessions(guest, redis);
  const accounts = await openAccounts(options, control);
  const vault = watched(createVaultStore(options.databases.vault!));
  const tokenizer = await createTokenizer(
    {
      module: options.hsm.module,
      tokenLabel: options.hsm.vault.tokenLabel,
      pinFile: options.hsm.vault.pinFile!,
      threads: options.hsm.threads,
      pageCardsMax: LIMITS.pageCardsMax,
      callTimeoutMs: LIMITS.hsmCallTimeoutMs,
      waitingCardsMax: LIMITS.pageWaitingCardsMax,
      abandonedWorkersMax: LIMITS.hsmWorkersAbandonedMax,
      mode: options.mode,
    },
    vault,
  );
  passOften(
    faults,
    'thread-hsm',
    createPassPoint<FaultPoint>(FAULT_POINTS, faults, () => tokenizer.loseWorker()),
  );
  const charges = createCharges(options, { metrics, monotonicMs, now: Date.now, faultPoint: passPoint });
  const processors = new Map(connectors(options).map((connector) => [connector.name, connector]));
  const takesUpi = (processor: ProcessorName): boolean => processors.get(processor)?.upi === true;
  const rates = shopperLimits(openRateLimit);
  const { pay, drained, inFlight } = createPay({
    ask,
    tokenizer,
    route: accounts.routeOf,
    chargeOf: charges.chargeOf,
    takesUpi,
    returnUrlOf: (transactionId) =>
      new URL(`${RETURN_PATH}?transaction=${showTransactionId(transactionId)}`, options.publicCheckoutUrl)
        .href,
    now: Date.now,
    monotonicMs,
    randomBytes,
    pause: (ms) => pause(ms),
    faultPoint: passPoint,
    ...(rates.card !== undefined && { cardRateLimit: rates.card }),
    onTrouble: (event, detail) => log('error', event, { errorMessage: String(detail) }),
    limits: {
      sendBeforeMs: options.payment.sendBeforeSeconds * 1000,
      tokenizeMs: LIMITS.replyTimeoutMs,
      askDeadlineMs: LIMITS.replyTimeoutMs,
      inFlightMax: LIMITS.paymentsInFlightMax,
    },
  });
  const merchantName = async (merchantId: string): Promise<string | null> =>
    (await control.preferences(merchantId))?.merchantName ?? null;
  const onSessionStoreFailed = (error: unknown): void =>
    log('error', 'session_store_failed', { errorMessage: String(error) });

  const processorOf = async (merchantId: string): Promise<ProcessorName | null> =>
    (await control.preferences(merchantId))?.preferredProcessor ?? null;
  const later = (call: () => void, ms: number): (() => void) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  };

  const shards = { ask, askDeadlineMs: LIMITS.replyTimeoutMs };
  const askBank = createAskBank({
    ...shards,
    queryOf: (processor) => processors.get(processor)?.query,
    accountOf: accounts.accountOf,
    now: Date.now,
    monotonicMs,
    randomBytes,
    later,
    onQuery: (processor, outcome) => metrics.recoveryQueries.of(processor, outcome).add(),
    onTrouble: (error) => log('warn', 'bank_not_asked', { errorMessage: String(error) }),
  });
  const watch = createWatch({
    look: (transactionId) => stateOf({ ...shards, askBank }, transactionId as TransactionId, Date.now),
    later,
  });
  const otp = createOtp({
    otpOf: charges.otpOf,
    accountOf: accounts.accountOf,
    tell: (transactionId, word) =>
      tellShard(
        {
          ...shards,
          now: Date.now,
          randomBytes,
          pause: (ms) => pause(ms),
          onLost: (detail) => log('error', 'word_lost', { errorMessage: detail }),
        },
        transactionId,
        word,
      ),
    onTrouble: (processor, detail) => log('warn', 'otp_unheard', { processor, errorMessage: detail }),
  });
  const publicOrigin = new URL(options.publicCheckoutUrl).origin;
  const secureCookies = new URL(options.publicCheckoutUrl).protocol === 'https:';

  const listener = listenerOptions(guest);
  // A proxy ends TLS and none is trusted: every connection is a proxy's.
  const proxiesAreUnknown = options.tls.kind === 'terminated' && options.trustedProxies.length === 0;
  await followCertificate(guest, servers);
  const server = await startHttp({
    ...listener,
    port: options.ports.checkout,
    routes: [
      ...processPaymentRoutes({
        store: sessions,
        onSessionStoreFailed,
        pay,
        problem,
        publicOrigin,
        isProxy: (address) => proxiesAreUnknown || listener.clients.isProxy(address),
        authenticate: gate.authenticate,
        merchantRateLimit: gate.rateLimit,
        sessionRateLimit: rates.session,
        ...(rates.address !== undefined && { addressRateLimit: rates.address }),
        readIdempotencyKey,
        testMode: options.mode === 'test',
        merchantName,
        processorOf,
        takesUpi,
      }),
      ...showCheckoutRoutes({
        store: sessions,
        onSessionStoreFailed,
        ask,
        testMode: options.mode === 'test',
        merchantName,
        processorOf,
        takesUpi,
      }),
      ...showResultRoutes({
        ...shards,
        testMode: options.mode === 'test',
        merchantName,
        watch,
        problem,
        askBank,
        secureCookies,
      }),
      ...returnFromBankRoutes({
        ...shards,
        store: sessions,
        onSessionStoreFailed,
        askBank,
        returnFieldsOf: (processor) => processors.get(processor)?.returnFields ?? [],
        secureCookies,
      }),
      ...takeOtpRoutes({
        ...shards,
        otp,
        publicOrigin,
        otpRateLimit: rates.otp,
        resendRateLimit: rates.resend,
        ...(rates.address !== undefined && { addressRateLimit: rates.address }),
      }),
      serveScriptRoute(),
    ],
  });
  servers.push(server);

  let hungBefore = 0;
  guest.registry.onCollect(() => {
    metrics.openStreams.of().set(server.streams());
    const { abandonedWorkers } = tokenizer.health();
    metrics.hsmHungCalls.of().add(abandonedWorkers - hungBefore);
    hungBefore = abandonedWorkers;
  });
  guest.onHeartbeat(() => {
    const health = tokenizer.health();
    if (health.status === 'replace_process') guest.fail(new Error('too many PKCS#11 calls hang'));
    // An abandoned worker is no reason to be out of service: another seals in its place.
    return { vaultDown: health.failure === undefined ? 0 : 1, waitingCards: health.waitingCards };
  });
  guest.onLeave(() => server.letGo());
  guest.onDrain(async (withinMs) => {
    server.stopListening();
    // In this order: a request under way may be about to begin a charge.
    const paid = server.drained().then(drained);
    // A bank that is silent does not keep the process: what came of its charges is asked about like that of any other silence.
    if (!(await settledWithin(paid, withinMs - CLOSE_MS)))
      log('warn', 'charges_left_unheard', { count: inFlight() });
    await charges.close();
    await settledWithin(paid, CLOSE_MS / 2);
    await tokenizer.close();
    await Promise.all([control.close(), sessions.close(), accounts.close(), vault.close()]);
    redis?.close();
    server.close();
  });
  guest.ready({ checkoutPort: server.port });
}

/** Who may post cards and passwords how often. Undefined: without a limit. */
function shopperLimits(openRateLimit: OpenRateLimit) {
  const { session, card, ip } = options.rateLimits;
  const limit = (name: SharedLimit, rate: RateLimit) =>
    openRateLimit(name, { ...rate, namesMax: SHOPPER_NAMES_MAX });
  const cardRate = card ?? (options.mode === 'live' ? CARD_RATE_LIVE_DEFAULT : undefined);
  return {
    session: limit('session', session ?? SESSION_RATE_DEFAULT),
    otp: limit('otp', OTP_RATE),
    resend: limit('resend', OTP_RESEND_RATE),
    card: cardRate && limit('card', cardRate),
    address: ip && bySubscriber(limit('ip', ip)),
  };
}

function bySubscriber(limit: SharedRateLimit): SharedRateLimit {
  return (address, nowMs) => limit(subscriberOf(address), nowMs);
}

/** The vault's store, counted, and with the instants at which a campaign may stop the process. */
function watched(store: VaultStore): VaultStore {
  return new Proxy(store, {
    get(target, name) {
      if (name !== 'appendPages') {
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return async (pages: SealedPage[]) => {
        passPoint('before-vault-commit');
        await target.appendPages(pages);
        passPoint('after-vault-commit');
        metrics.hsmPages.of().add(pages.length);
        for (const page of pages) metrics.hsmPageCards.of().observe(page.cardCount);
      };
    },
  });
}
