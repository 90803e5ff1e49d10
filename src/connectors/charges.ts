/**
 * Charges: how each processor is charged, with its breaker and its limit around it. Only the pci thread imports this.
 *
 * @module
 */

import type { Options } from '../config/options.ts';
import type { FaultPoint } from '../domain/fault-points.ts';
import type { ProcessorName, ProcessorWord } from '../domain/transaction.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Breaker, type BreakerOptions, type CallEnd, createBreaker } from './breaker.ts';
import type { Charge, ChargeRequest } from './connector.ts';
import { sandboxConfig } from './registry.ts';
import { createSandboxCharge } from './sandbox/charge.ts';

export interface ChargesDeps {
  metrics: Pick<Metrics, 'processorCalls' | 'processorCallSeconds' | 'breakerState' | 'processorInFlight'>;
  monotonicMs(): number;
  now(): number;
  faultPoint(point: FaultPoint): void;
}

export interface Charges {
  /** Null: this version cannot charge that processor. */
  chargeOf(processor: ProcessorName): Charge | null;
  close(): Promise<void>;
}

/** Accounts whose breakers are kept; over it the oldest is forgotten, which closes it. */
const BREAKERS_MAX = 10_000;
const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** Opens the connections to every processor. */
export function createCharges(options: Options, deps: ChargesDeps): Charges {
  const { faultPoint, ...clocks } = deps;
  // The extra tick of the point is only paid where a campaign may stop.
  const left = options.faultPoints.length === 0 ? {} : { left: () => faultPoint('after-send') };
  const sandbox = createSandboxCharge(sandboxConfig(options), { ...clocks, ...left });
  const charges: Partial<Record<ProcessorName, Charge>> = {
    SANDBOX: guarded('SANDBOX', sandbox.charge, deps),
  };
  return {
    chargeOf: (processor) => charges[processor] ?? null,
    close: () => sandbox.close(),
  };
}

/** A charge behind the breaker of its account. */
export function guarded(
  processor: ProcessorName,
  charge: Charge,
  deps: Pick<ChargesDeps, 'metrics' | 'monotonicMs' | 'now'>,
  breakerOptions?: BreakerOptions,
): Charge {
  const breakers = new Map<string, Breaker>();
  const { breakerState, processorCalls, processorCallSeconds, processorInFlight } = deps.metrics;
  let underWay = 0;

  function breakerOf(account: string): Breaker {
    const known = breakers.get(account);
    if (known !== undefined) return known;
    if (breakers.size >= BREAKERS_MAX) breakers.delete(breakers.keys().next().value!);
    const made = createBreaker(breakerOptions);
    breakers.set(account, made);
    return made;
  }

  return async (request, card) => {
    const breaker = breakerOf(request.account.account);
    const startedMs = deps.monotonicMs();
    const entry = breaker.enter(startedMs);
    if (!entry.ok) {
      const failureCode = entry.reason === 'busy' ? 'processor_busy' : 'processor_unreachable';
      processorCalls.of(processor, `breaker_${entry.reason}`).add();
      return notEntered(processor, request, failureCode, `breaker ${entry.reason}`, deps.now());
    }
    processorInFlight.of(processor).set(++underWay);
    let word: ProcessorWord | undefined;
    try {
      word = await charge(request, card);
      return word;
    } finally {
      const endedMs = deps.monotonicMs();
      breaker.finished(entry.permit, endOf(word), endedMs);
      processorCalls.of(processor, word?.said ?? 'unknown').add();
      processorCallSeconds.of(processor).observe((endedMs - startedMs) / 1000);
      processorInFlight.of(processor).set(--underWay);
      breakerState.of(processor).set(BREAKER_STATES[breaker.state()]);
    }
  };
}

/** Failure codes of charges that our own side did not send. */
const OUR_OWN: ReadonlySet<string | null> = new Set(['processor_busy', 'send_before_passed']);

function endOf(word: ProcessorWord | undefined): CallEnd {
  if (word === undefined || word.said === 'unknown') return 'failed';
  if (word.said !== 'not_sent') return 'served';
  return OUR_OWN.has(word.failureCode) ? 'silent' : 'failed';
}

function notEntered(
  processor: ProcessorName,
  request: ChargeRequest,
  failureCode: string,
  detail: string,
  at: number,
): ProcessorWord {
  return {
    source: 'answer',
    said: 'not_sent',
    leg: request.leg,
    processor,
    processorAccount: request.account.account,
    processorTxnId: null,
    amount: null,
    currency: null,
    failureCode,
    referenceClosed: false,
    at,
    detail,
  };
}
