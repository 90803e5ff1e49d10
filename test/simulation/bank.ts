/**
 * Bank: a processor of a simulation with its book, its answers, its queries and its callbacks. There are two.
 *
 * Its book is what the run is judged by. A reference is charged once, as banks promise by their idempotency keys; how
 * often it was sent is counted beside it, because a gateway that relies on the bank for that has lost its own promise.
 * A decline that names the reference closed is never charged later; any other decline may be. A shopper who must act on the bank's
 * page or in a UPI app does so, or lets the time for it pass.
 *
 * @module
 */

import type { Charge, ChargeMethod, ChargeRequest, Query } from '../../src/connectors/connector.ts';
import { type BankCharge, wordOf } from '../../src/connectors/sandbox/status.ts';
import type { ProcessorCallback } from '../../src/domain/callback.ts';
import { makeId, showTransactionId, type TransactionId, transactionIdOf } from '../../src/domain/ids.ts';
import { decimalAmount } from '../../src/domain/money.ts';
import { senderWord } from '../../src/domain/processor-word.ts';
import { EPOCH, type Thread } from './host.ts';
import type { World } from './world.ts';

/** Where merchants' charges go first, and where some of them may go next. */
export type BankName = 'SANDBOX' | 'SANDBOX_B';
export const BANKS: readonly BankName[] = ['SANDBOX', 'SANDBOX_B'];

export interface BookEntry {
  transactionId: TransactionId;
  charge: BankCharge;
  /** Queries do not see it before, milliseconds since the start of the run. */
  visibleAt: number;
}

export interface Bank {
  readonly book: ReadonlyMap<TransactionId, BookEntry>;
  /** How a thread charges. */
  chargeFrom(thread: Thread): Charge;
  /** How a thread asks. */
  queryFrom(thread: Thread): Query;
  /** Charges it still works on, requests under way to it, and callbacks no gateway has taken yet. */
  unfinished(): number;
}

const ACTION_REQUIRED = 'requires_action';
const CONNECT_MS = [0.2, 2] as const;
const TRAVEL_MS = [1, 20] as const;
/** A request that is slow arrives somewhere here, beyond every timeout and sometimes beyond the proof. */
const SLOW_MS = [1000, 240_000] as const;
const BOOKS_LATE_MS = [500, 200_000] as const;
const FORGETS_MS = [500, 30_000] as const;
const WORKS_MS = [20, 5000] as const;
/** How long the shopper has to act; nobody came in time. */
const EXPIRES_MS = [5000, 60_000] as const;
const TURNS_MS = [1000, 90_000] as const;
const CALLBACK_MS = [0.1, 40] as const;
const CALLBACK_SLOW_MS = [1000, 120_000] as const;
const CALLBACK_RETRY_MS = 1000;
const CALLBACK_RETRY_MS_MAX = 30_000;
/** What the connector waits for an answer. */
const CHARGE_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 5000;

/** Opens a bank with an empty book. */
export function createBank(world: World, name: BankName): Bank {
  const { scheduler, trace, random, between, happens, checker } = world;
  const book = new Map<TransactionId, BookEntry>();
  let unfinished = 0;
  let lastEvent = 0;
  let lastStep = 0;

  /** Something that ends `ms` from now, and is unfinished until then. */
  function later(ms: number, run: () => void): void {
    unfinished++;
    scheduler.after(ms, () => {
      unfinished--;
      run();
    });
  }

  function chargeFrom(thread: Thread): Charge {
    return (request, method) =>
      new Promise((resolve) => {
        const { host } = thread;
        const { account, leg } = request;
        const place = { processor: name, processorAccount: account.account, leg };
        // What the connector says where the bank has said nothing.
        const own = (said: 'not_sent' | 'unknown', failureCode: string | null): void =>
          resolve(senderWord(place, said, { failureCode, detail: said, at: host.now() }));
        const refused = happens(world.faults.bankRefusesConnection);
        thread.enterAfter(between(CONNECT_MS), () => {
          if (refused) return own('not_sent', 'processor_unreachable');
          if (!request.mayLeave()) return own('not_sent', 'send_before_passed');
          trace.note('sent', request.transactionId, `${thread.name} ${name}`);
          checker.sent(request.transactionId, name, leg);
          thread.enterAfter(CHARGE_TIMEOUT_MS, () => own('unknown', null));
          send(request, method, (charge) =>
            thread.enterAfter(between(TRAVEL_MS), () => {
              if (charge === null) own('unknown', null);
              else resolve(wordOf(name, charge, 'answer', leg, host.now()));
            }),
          );
        });
      });
  }

  /** @param answer hears the charge as it stands; null: an error that says nothing */
  function send(
    request: ChargeRequest,
    method: ChargeMethod,
    answer: (charge: BankCharge | null) => void,
  ): void {
    const { faults } = world;
    const arrivals = happens(faults.requestDuplicated) ? 2 : 1;
    for (let n = 0; n < arrivals; n++) {
      if (happens(faults.chargeLost)) continue;
      later(between(happens(faults.chargeSlow) ? SLOW_MS : TRAVEL_MS), () =>
        receive(request, method, answer),
      );
    }
  }

  function receive(
    request: ChargeRequest,
    method: ChargeMethod,
    answer: (charge: BankCharge | null) => void,
  ): void {
    const { faults } = world;
    const tell = (charge: BankCharge): void => {
      if (!happens(faults.chargeAnswerLost)) answer(happens(faults.bankAnswersError) ? null : { ...charge });
    };
    const known = book.get(request.transactionId);
    if (known !== undefined) {
      tell(known.charge);
    } else if (happens(faults.bankBooksLate)) {
      answer(null);
      later(between(BOOKS_LATE_MS), () => {
        if (!book.has(request.transactionId)) enter(request, method);
      });
    } else {
      tell(enter(request, method));
    }
  }

  /** Books a charge and decides what becomes of it. */
  function enter(
    { transactionId, amount, currency, account }: ChargeRequest,
    { kind }: ChargeMethod,
  ): BankCharge {
    const charge: BankCharge = {
      id: `ch_${name}_${book.size + 1}`,
      reference: showTransactionId(transactionId),
      account: account.account,
      amount,
      currency,
      status: 'processing',
      payment_method:
        kind === 'upi' ? { type: 'upi' } : { type: 'card', funding: random() < 0.5 ? 'credit' : 'debit' },
    };
    const visibleAt = scheduler.now() + (happens(world.faults.bankForgets) ? between(FORGETS_MS) : 0);
    const entry = { transactionId, charge, visibleAt };
    book.set(transactionId, entry);
    if (kind === 'upi' || random() < 0.25) work(entry, kind === 'upi');
    else decide(entry);
    return charge;
  }

  /** Works on a charge for a while; the shopper may have to act, also more than once, or never comes. */
  function work(entry: BookEntry, acts = random() < 0.5): void {
    const { charge } = entry;
    charge.status = acts ? ACTION_REQUIRED : 'processing';
    if (acts) charge.next_action = stepOf(charge);
    else delete charge.next_action;
    trace.note('book', entry.transactionId, charge.status);
    if (!acts && random() < 0.8) tellOf(entry);
    if (acts && random() < 0.15) {
      later(between(EXPIRES_MS), () => decline(entry, 'authentication_expired', true));
      return;
    }
    later(between(WORKS_MS), () => {
      if (random() < 0.4) work(entry);
      else decide(entry);
    });
  }

  /** Each time the shopper must act it is another page, or another link. */
  function stepOf({ id, amount, payment_method: method }: BankCharge): object {
    const expires = EPOCH + Math.floor(scheduler.now()) + EXPIRES_MS[1];
    const step = `${id}_${++lastStep}`;
    return (method as { type: string }).type === 'upi'
      ? {
          type: 'upi_intent',
          link: `upi://pay?pa=bank@upi&tr=${step}&am=${decimalAmount(amount, 'INR')}`,
          expires_at: expires,
        }
      : { type: 'redirect', url: `https://bank.example/3ds/${step}`, expires_at: expires };
  }

  function decide(entry: BookEntry): void {
    const draw = random();
    if (draw < 0.65) succeed(entry);
    // The bank's own trouble, after which another bank may be asked.
    else if (draw < 0.75) decline(entry, 'acquirer_unavailable', true);
    else if (draw < 0.93) decline(entry, 'card_declined', true);
    else {
      decline(entry, 'card_declined', false);
      if (happens(world.faults.declineTurns)) later(between(TURNS_MS), () => succeed(entry));
    }
  }

  function succeed(entry: BookEntry): void {
    const { charge } = entry;
    charge.status = 'succeeded';
    delete charge.decline_code;
    delete charge.reference_closed;
    delete charge.next_action;
    trace.note('book', entry.transactionId, charge.status);
    tellOf(entry);
    world.reports.charged(name, entry, () => tellOf(entry));
  }

  function decline(entry: BookEntry, code: string, closed: boolean): void {
    const { charge } = entry;
    charge.status = 'declined';
    charge.decline_code = code;
    charge.reference_closed = closed;
    delete charge.next_action;
    trace.note('book', entry.transactionId, code);
    tellOf(entry);
  }

  /** Sends a callback of what the charge is now, until a gateway has taken it. */
  function tellOf({ transactionId, charge }: BookEntry): void {
    if (!world.layout.callbacks) return;
    const { faults } = world;
    const callbackId = `evt_${++lastEvent}`;
    const at = EPOCH + Math.floor(scheduler.now());
    const word = wordOf(name, { ...charge }, 'callback', null, at);
    const callback = {
      processor: name,
      callbackId,
      transactionId,
      word,
      hint: false,
      receivedAt: at,
    } as const;
    const afterMs = between(happens(faults.callbackSlow) ? CALLBACK_SLOW_MS : CALLBACK_MS);
    later(afterMs, () => deliver(callback, true));
    if (happens(faults.callbackDuplicated)) later(afterMs, () => deliver(callback, true));
    if (happens(faults.callbackOfAnother)) {
      const wrong = random() < 0.5;
      later(afterMs, () =>
        deliver(
          {
            ...callback,
            callbackId: `${callbackId}_x`,
            transactionId: wrong ? transactionId : unknownTransaction(),
            word: { ...word, amount: charge.amount + 1, said: 'charged' },
          },
          false,
        ),
      );
    }
  }

  function unknownTransaction(): TransactionId {
    return transactionIdOf(makeId(EPOCH, Math.floor(random() * 1024), world.randomBytes(8)), 1);
  }

  /** @param genuine false: it says what the bank never booked */
  function deliver(callback: ProcessorCallback, genuine: boolean, tries = 1): void {
    unfinished++;
    const gateway = world.gateways[Math.floor(random() * world.gateways.length)]!;
    const lost = happens(world.faults.callbackLost);
    const published = lost ? world.sleep(1000).then(() => null) : gateway.receiveCallback(callback);
    published.then(
      (answer) => {
        unfinished--;
        if (answer?.kind === 'answered' && answer.answer.ok) {
          trace.note(
            'callback taken',
            callback.transactionId ?? '',
            `${callback.callbackId} ${answer.answer.verdict}`,
          );
          checker.callbackTaken(callback, answer.answer.verdict, genuine);
        } else {
          later(Math.min(CALLBACK_RETRY_MS * 2 ** tries, CALLBACK_RETRY_MS_MAX), () =>
            deliver(callback, genuine, tries + 1),
          );
        }
      },
      (error: unknown) => checker.violate(String(error)),
    );
  }

  function queryFrom(thread: Thread): Query {
    return ({ transactionId, leg, now }) =>
      new Promise((resolve) => {
        if (happens(world.faults.queryFails)) {
          return void thread.enterAfter(QUERY_TIMEOUT_MS, () =>
            resolve({ kind: 'no_answer', detail: 'no answer in time' }),
          );
        }
        scheduler.after(between(TRAVEL_MS), () => {
          const entry = book.get(transactionId);
          const seen = entry !== undefined && entry.visibleAt <= scheduler.now() ? { ...entry.charge } : null;
          trace.note('query', transactionId, seen?.status ?? 'not found');
          thread.enterAfter(between(TRAVEL_MS), () =>
            resolve(
              seen === null
                ? { kind: 'not_found' }
                : { kind: 'found', word: wordOf(name, seen, 'query', leg, now) },
            ),
          );
        });
      });
  }

  return { book, chargeFrom, queryFrom, unfinished: () => unfinished };
}
