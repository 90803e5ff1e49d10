/**
 * Charges: how each processor is charged, with its breaker and its limit around it. Only the pci thread imports this.
 *
 * @module
 */

import type { Options } from '../config/options.ts';
import type { FaultPoint } from '../domain/fault-points.ts';
import { type ProcessorName, type ProcessorWord, senderWord } from '../domain/processor-word.ts';
import type { Metrics } from '../metrics/metrics.ts';
import {
  BREAKER_DEFAULTS,
  type Breaker,
  type BreakerOptions,
  type CallEnd,
  createBreaker,
} from './breaker.ts';
import type { Charge, ChargeRoom, OtpDesk } from './connector.ts';
import { createPayuCharge } from './payu/charge.ts';
import { createRazorpayCharge } from './razorpay/charge.ts';
import { payuConfig, razorpayConfig, SANDBOXES, sandboxConfig, stripeConfig } from './registry.ts';
import { createSandboxCharge } from './sandbox/charge.ts';
import { createStripeCharge } from './stripe/charge.ts';

export interface ChargesDeps {
  metrics: Pick<Metrics, 'processorCalls' | 'processorCallSeconds' | 'breakerState' | 'processorInFlight'>;
  monotonicMs(): number;
  now(): number;
  faultPoint(point: FaultPoint): void;
}

export interface Charges {
  /** Null: this version cannot charge that processor. */
  chargeOf(processor: ProcessorName): Charge | null;
  /** Null: shoppers type no password here for that processor. */
  otpOf(processor: ProcessorName): OtpDesk | null;
  close(): Promise<void>;
}

/** Accounts whose breakers are kept; over it the oldest is forgotten, which closes it. */
const BREAKERS_MAX = 10_000;
const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** Opens the connections to every processor. */
export function createCharges(options: Options, deps: ChargesDeps): Charges {
  const rooms = openRooms(options, deps);
  const charges = new Map<ProcessorName, Charge>(
    [...rooms].map(([name, { charge }]) => [name, guarded(name, charge, deps, breakerOptions(options))]),
  );
  return {
    chargeOf: (processor) => charges.get(processor) ?? null,
    otpOf: (processor) => rooms.get(processor)?.otp ?? null,
    async close() {
      await Promise.all([...rooms.values()].map((room) => room.close()));
    },
  };
}

/** One line per processor. */
function openRooms(options: Options, { now, faultPoint }: ChargesDeps): Map<ProcessorName, ChargeRoom> {
  // The extra tick of the point is only paid where a campaign may stop.
  const left = options.faultPoints.length === 0 ? {} : { left: () => faultPoint('after-send') };
  const deps = { now, ...left };
  return new Map<ProcessorName, ChargeRoom>([
    ...SANDBOXES.map((name) => [name, createSandboxCharge(sandboxConfig(options, name), deps)] as const),
    ['RAZORPAY', createRazorpayCharge(razorpayConfig(options), deps)],
    ['PAYU', createPayuCharge(payuConfig(options), deps)],
    ['STRIPE', createStripeCharge(stripeConfig(options), deps)],
  ]);
}

function breakerOptions({ payment }: Options): BreakerOptions {
  return { ...BREAKER_DEFAULTS, inFlightMax: payment.processorInFlightMax };
}

/** A charge behind the breaker of its account: one account's trouble, or its calls under way, stop no other. */
export function guarded(
  processor: ProcessorName,
  charge: Charge,
  deps: Pick<ChargesDeps, 'metrics' | 'monotonicMs' | 'now'>,
  breakerOptions?: BreakerOptions,
): Charge {
  const breakers = new Map<string, Breaker>();
  /** Those of `breakers` that are not closed. */
  const troubled = new Set<Breaker>();
  const { breakerState, processorCalls, processorCallSeconds, processorInFlight } = deps.metrics;
  let underWay = 0;

  function breakerOf(account: string): Breaker {
    const known = breakers.get(account);
    if (known !== undefined) return known;
    if (breakers.size >= BREAKERS_MAX) forgetOldest();
    const made = createBreaker(breakerOptions);
    breakers.set(account, made);
    return made;
  }

  function forgetOldest(): void {
    const [account, breaker] = breakers.entries().next().value!;
    breakers.delete(account);
    troubled.delete(breaker);
  }

  /** Shows the account that is worst off: a healthy one does not hide another's trouble. */
  function showState(breaker: Breaker): void {
    if (breaker.state() === 'closed') troubled.delete(breaker);
    else troubled.add(breaker);
    const worst = troubled.size === 0 ? 'closed' : anyOpen(troubled) ? 'open' : 'half_open';
    breakerState.of(processor).set(BREAKER_STATES[worst]);
  }

  return async (request, method) => {
    const { account } = request.account;
    const breaker = breakerOf(account);
    const startedMs = deps.monotonicMs();
    const entry = breaker.enter(startedMs);
    if (!entry.ok) {
      processorCalls.of(processor, `breaker_${entry.reason}`).add();
      const place = { processor, processorAccount: account, leg: request.leg };
      const failureCode = NOT_ENTERED[entry.reason];
      return senderWord(place, 'not_sent', {
        failureCode,
        detail: `breaker ${entry.reason}`,
        at: deps.now(),
      });
    }
    processorInFlight.of(processor).set(++underWay);
    let word: ProcessorWord | undefined;
    try {
      word = await charge(request, method);
      return word;
    } finally {
      const endedMs = deps.monotonicMs();
      breaker.finished(entry.permit, endOf(word), endedMs);
      processorCalls.of(processor, word?.said ?? 'unknown').add();
      processorCallSeconds.of(processor).observe((endedMs - startedMs) / 1000);
      processorInFlight.of(processor).set(--underWay);
      if (breakers.get(account) === breaker) showState(breaker);
    }
  };
}

function anyOpen(breakers: Iterable<Breaker>): boolean {
  for (const breaker of breakers) if (breaker.state() === 'open') return true;
  return false;
}

const NOT_ENTERED = { busy: 'processor_busy', open: 'processor_breaker_open' } as const;

/** Failure codes of charges that our own side did not send. */
const OUR_OWN: ReadonlySet<string | null> = new Set(['processor_busy', 'send_before_passed']);

function endOf(word: ProcessorWord | undefined): CallEnd {
  if (word === undefined || word.said === 'unknown') return 'failed';
  if (word.said !== 'not_sent') return 'served';
  return OUR_OWN.has(word.failureCode) ? 'silent' : 'failed';
}
