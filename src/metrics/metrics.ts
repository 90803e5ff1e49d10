/**
 * Metrics: every name the program reports, with its meaning.
 *
 * Each thread declares all of them and moves its own; series exist only once they are touched. Labels hold names of
 * ours (endpoints, codes, processors), never anything a caller sent.
 *
 * @module
 */

import type { CounterSeries, GaugeSeries, HistogramSeries, Metric, MetricRegistry } from './registry.ts';

/** Seconds; the promise is 200 ms, so it has close neighbours. */
const REQUEST_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5];
const COMMIT_SECONDS = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.5, 1, 5];
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const TURN_COMMANDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
const PAGE_CARDS = [1, 2, 4, 8, 16, 32, 64];

/** Up to the last try, three days later. */
const DELIVERY_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 21_600, 86_400];

export interface Metrics {
  /** endpoint, status */
  httpRequests: Metric<CounterSeries>;
  /** endpoint */
  httpRequestSeconds: Metric<HistogramSeries>;
  /** state */
  payments: Metric<CounterSeries>;
  /** kind */
  incidents: Metric<CounterSeries>;
  turnCommands: Metric<HistogramSeries>;
  commitSeconds: Metric<HistogramSeries>;
  /** lane */
  mailboxDepth: Metric<GaugeSeries>;
  /** lane */
  laneUp: Metric<GaugeSeries>;
  openStreams: Metric<GaugeSeries>;
  redisFailed: Metric<CounterSeries>;
  redisAway: Metric<GaugeSeries>;
  /** limit */
  limitFallbacks: Metric<CounterSeries>;
  /** reason */
  refused: Metric<CounterSeries>;
  hsmPages: Metric<CounterSeries>;
  hsmPageCards: Metric<HistogramSeries>;
  hsmHungCalls: Metric<CounterSeries>;
  /** processor, outcome */
  processorCalls: Metric<CounterSeries>;
  /** processor */
  processorCallSeconds: Metric<HistogramSeries>;
  /** processor */
  breakerState: Metric<GaugeSeries>;
  /** processor */
  processorInFlight: Metric<GaugeSeries>;
  /** processor, verdict */
  callbacks: Metric<CounterSeries>;
  /** way */
  busPublished: Metric<CounterSeries>;
  /** result */
  busSends: Metric<CounterSeries>;
  busBreakerState: Metric<GaugeSeries>;
  busConsumed: Metric<CounterSeries>;
  /** reason */
  busParked: Metric<CounterSeries>;
  /** topic */
  busLag: Metric<GaugeSeries>;
  busParkedWaiting: Metric<GaugeSeries>;
  /** topic */
  busRelayed: Metric<CounterSeries>;
  /** database, topic */
  busToRelay: Metric<GaugeSeries>;
  /** processor, outcome */
  callbackHints: Metric<CounterSeries>;
  /** processor, outcome */
  recoveryQueries: Metric<CounterSeries>;
  recoveryUnresolved: Metric<GaugeSeries>;
  recoveryOldestSeconds: Metric<GaugeSeries>;
  /** job, database */
  jobHeld: Metric<GaugeSeries>;
  /** result */
  webhookTries: Metric<CounterSeries>;
  webhookDeliverySeconds: Metric<HistogramSeries>;
  /** reason */
  webhooksDead: Metric<CounterSeries>;
  /** database */
  webhooksUndispatched: Metric<GaugeSeries>;
  /** database */
  webhooksWaiting: Metric<GaugeSeries>;
  /** database */
  webhooksOldestSeconds: Metric<GaugeSeries>;
  webhooksRunning: Metric<GaugeSeries>;
  /** processor, result */
  reconcileRuns: Metric<CounterSeries>;
  /** class */
  reconcileRows: Metric<CounterSeries>;
  /** processor */
  reconcileLastRunSeconds: Metric<GaugeSeries>;
  reconcileUnbalanced: Metric<GaugeSeries>;
  /** class */
  reconcileBreaksOpen: Metric<GaugeSeries>;
  /** class */
  reconcileBreaksOldestSeconds: Metric<GaugeSeries>;
  /** class, result */
  reconcileCorrections: Metric<CounterSeries>;
  /** database */
  reconcileCorrectionsWaiting: Metric<GaugeSeries>;
  /** database */
  reconcileCorrectionsOldestSeconds: Metric<GaugeSeries>;
  /** quantile */
  loopLagSeconds: Metric<GaugeSeries>;
  /** peer */
  pendingAsks: Metric<GaugeSeries>;
  /** kind */
  threadDeaths: Metric<CounterSeries>;
  /** certificate; a gauge without a label would be 0, expired, in every thread that has none */
  certificateSecondsLeft: Metric<GaugeSeries>;
  /** result */
  certificateReloads: Metric<CounterSeries>;
}

/** Declares every metric in the registry of a thread. Called once a thread. */
export function createMetrics(registry: MetricRegistry): Metrics {
  return {
    ...declareFront(registry),
    ...declareEngine(registry),
    ...declareOutside(registry),
    ...declareBus(registry),
    ...declareWebhooks(registry),
    ...declareReconciliation(registry),
  };
}

function declareFront(registry: MetricRegistry) {
  return {
    httpRequests: registry.counter('sluice_http_requests_total', 'HTTP requests answered.', [
      'endpoint',
      'status',
    ]),
    httpRequestSeconds: registry.histogram(
      'sluice_http_request_seconds',
      'From the first byte of a request read to its answer written.',
      REQUEST_SECONDS,
      ['endpoint'],
    ),
    openStreams: registry.gauge('sluice_open_streams', 'Result pages that wait for the final word.'),
    redisFailed: registry.counter(
      'sluice_redis_commands_failed_total',
      'Commands to Redis that failed, or were refused because their server is away.',
    ),
    redisAway: registry.gauge('sluice_redis_away', 'Redis servers known to be dead or silent.'),
    limitFallbacks: registry.counter(
      'sluice_rate_limit_fallbacks_total',
      'Requests whose limit was counted by their own thread alone, since the shared counts were away.',
      ['limit'],
    ),
    refused: registry.counter('sluice_refused_total', 'Requests refused, by code.', ['reason']),
    pendingAsks: registry.gauge('sluice_pending_asks', 'Asks to another thread without an answer yet.', [
      'peer',
    ]),
    loopLagSeconds: registry.gauge('sluice_loop_lag_seconds', 'How late the event loop runs its timers.', [
      'quantile',
    ]),
    threadDeaths: registry.counter('sluice_thread_deaths_total', 'Threads that ended unasked.', ['kind']),
    certificateSecondsLeft: registry.gauge(
      'sluice_certificate_seconds_left',
      'Until the certificate of the thread’s listeners expires; below 0 it has.',
      ['certificate'],
    ),
    certificateReloads: registry.counter(
      'sluice_certificate_reloads_total',
      'Changed certificates: loaded, or refused because something is wrong with the files.',
      ['result'],
    ),
  };
}

function declareEngine(registry: MetricRegistry) {
  return {
    payments: registry.counter('sluice_payments_total', 'Attempts that reached a state, durably.', ['state']),
    incidents: registry.counter(
      'sluice_incidents_total',
      'What must never happen and did; listed in the table incidents.',
      ['kind'],
    ),
    turnCommands: registry.histogram(
      'sluice_turn_commands',
      'Commands decided and committed by one turn.',
      TURN_COMMANDS,
    ),
    commitSeconds: registry.histogram(
      'sluice_commit_seconds',
      'One commit of a turn, sent until answered.',
      COMMIT_SECONDS,
    ),
    laneUp: registry.gauge(
      'sluice_lane_up',
      '1: the lane’s database answers. 0: it is down or silent, and its merchants are refused.',
      ['lane'],
    ),
    mailboxDepth: registry.gauge('sluice_mailbox_depth', 'Commands that wait for a turn.', ['lane']),
    hsmPages: registry.counter('sluice_hsm_pages_total', 'Pages of cards sealed and committed.'),
    hsmPageCards: registry.histogram('sluice_hsm_page_cards', 'Cards on one sealed page.', PAGE_CARDS),
    hsmHungCalls: registry.counter('sluice_hsm_hung_calls_total', 'PKCS#11 calls given up as hung.'),
  };
}

function declareOutside(registry: MetricRegistry) {
  return {
    processorCalls: registry.counter('sluice_processor_calls_total', 'Charges sent, by what came of them.', [
      'processor',
      'outcome',
    ]),
    processorCallSeconds: registry.histogram(
      'sluice_processor_call_seconds',
      'One charge, sent until answered or given up.',
      CALL_SECONDS,
      ['processor'],
    ),
    breakerState: registry.gauge('sluice_breaker_state', '0 closed, 1 half open, 2 open.', ['processor']),
    processorInFlight: registry.gauge('sluice_processor_in_flight', 'Charges under way.', ['processor']),
    callbacks: registry.counter('sluice_callbacks_total', 'Callbacks of processors, by verdict.', [
      'processor',
      'verdict',
    ]),
    callbackHints: registry.counter(
      'sluice_callback_hints_total',
      'Callbacks that make us ask, by what was done: a question taken, merged with one that waits, dropped.',
      ['processor', 'outcome'],
    ),
    recoveryQueries: registry.counter(
      'sluice_recovery_queries_total',
      'Questions to processors about unknown outcomes, by answer.',
      ['processor', 'outcome'],
    ),
    recoveryUnresolved: registry.gauge(
      'sluice_recovery_unresolved',
      'Attempts without a final word for more than a quarter of an hour (`sluice payments unresolved`).',
    ),
    recoveryOldestSeconds: registry.gauge(
      'sluice_recovery_oldest_seconds',
      'How long the oldest attempt without a final word has been open.',
    ),
    jobHeld: registry.gauge(
      'sluice_job_held',
      '1 while the job of this database is this gateway’s. Over all gateways the sum is 1; 0 means that nobody does it.',
      ['job', 'database'],
    ),
  };
}

function declareBus(registry: MetricRegistry) {
  return {
    busPublished: registry.counter(
      'sluice_bus_published_total',
      'Callbacks and corrections taken by kafka, or directly because Kafka did not take them.',
      ['way'],
    ),
    busSends: registry.counter(
      'sluice_bus_sends_total',
      'Groups of callbacks or corrections sent to Kafka, by result.',
      ['result'],
    ),
    busBreakerState: registry.gauge('sluice_bus_breaker_state', '0 closed, 1 half open, 2 open.'),
    busConsumed: registry.counter(
      'sluice_bus_consumed_total',
      'Callbacks and corrections read from Kafka and committed.',
    ),
    busParked: registry.counter('sluice_bus_parked_total', 'Messages that could not be applied.', ['reason']),
    busLag: registry.gauge('sluice_bus_lag', 'Messages the gateways have not committed yet.', ['topic']),
    busParkedWaiting: registry.gauge(
      'sluice_bus_parked_waiting',
      'Parked messages that were not sent again.',
    ),
    busRelayed: registry.counter(
      'sluice_bus_relayed_total',
      'Messages put on Kafka from the shard databases.',
      ['topic'],
    ),
    busToRelay: registry.gauge('sluice_bus_to_relay', 'Rows to be put on Kafka, counted to 100,000.', [
      'database',
      'topic',
    ]),
  };
}

function declareWebhooks(registry: MetricRegistry) {
  return {
    webhookTries: registry.counter('sluice_webhook_tries_total', 'Webhooks posted to merchants, by result.', [
      'result',
    ]),
    webhookDeliverySeconds: registry.histogram(
      'sluice_webhook_delivery_seconds',
      'From an event’s commit to its acceptance by an endpoint.',
      DELIVERY_SECONDS,
    ),
    webhooksDead: registry.counter(
      'sluice_webhooks_dead_total',
      'Deliveries given up: only a replay tries them again.',
      ['reason'],
    ),
    webhooksUndispatched: registry.gauge(
      'sluice_webhooks_undispatched',
      'Events nobody has been told of yet; told by the gateway that holds the database’s lease.',
      ['database'],
    ),
    webhooksWaiting: registry.gauge('sluice_webhooks_waiting', 'Deliveries that wait for their next try.', [
      'database',
    ]),
    webhooksOldestSeconds: registry.gauge(
      'sluice_webhooks_oldest_seconds',
      'Age of the oldest event nobody has been told of yet.',
      ['database'],
    ),
    webhooksRunning: registry.gauge('sluice_webhooks_running', 'Webhooks under way.'),
  };
}

function declareReconciliation(registry: MetricRegistry) {
  return {
    reconcileRuns: registry.counter(
      'sluice_reconcile_runs_total',
      'Reports that were fetched by the schedule, by what came of them.',
      ['processor', 'result'],
    ),
    reconcileRows: registry.counter(
      'sluice_reconcile_rows_total',
      'Rows of fetched reports, and payments that ought to be in one, by class.',
      ['class'],
    ),
    reconcileLastRunSeconds: registry.gauge(
      'sluice_reconcile_last_run_seconds',
      'Since a report of the account that has waited longest was reconciled; where a schedule is set.',
      ['processor'],
    ),
    reconcileUnbalanced: registry.gauge(
      'sluice_reconcile_unbalanced',
      'Of the newest runs, those whose ledger entries do not sum to zero. Always 0.',
    ),
    reconcileBreaksOpen: registry.gauge(
      'sluice_reconcile_breaks_open',
      'Breaks that a person is to look at (`sluice reconcile breaks`).',
      ['class'],
    ),
    reconcileBreaksOldestSeconds: registry.gauge(
      'sluice_reconcile_breaks_oldest_seconds',
      'Age of the oldest open break.',
      ['class'],
    ),
    reconcileCorrections: registry.counter(
      'sluice_reconcile_corrections_total',
      'Payments corrected by a settlement report, or refused to be by their actor.',
      ['class', 'result'],
    ),
    reconcileCorrectionsWaiting: registry.gauge(
      'sluice_reconcile_corrections_waiting',
      'Corrections that their actor has not made yet.',
      ['database'],
    ),
    reconcileCorrectionsOldestSeconds: registry.gauge(
      'sluice_reconcile_corrections_oldest_seconds',
      'How long the oldest of them has waited.',
      ['database'],
    ),
  };
}
