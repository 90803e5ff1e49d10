/**
 * One payment, all that is said of it, and the order it is said in.
 *
 * A truth says what its banks do and how far its sender gets. From it follow steps: the sender's, the banks', callbacks and
 * questions on their way, time. At each moment some steps are possible, by causality alone; whoever plays chooses the next
 * until none is left. Then everything is heard, and recovery asks to the end. Actor, turn and rules are the real ones, on the
 * model store.
 *
 * @module
 */

import { createPaymentActor } from '../../src/actors/payment-actor.ts';
import {
  type IntentId,
  makeId,
  shardOfId,
  type TransactionId,
  transactionIdOf,
} from '../../src/domain/ids.ts';
import type { Payment } from '../../src/domain/payment-intent.ts';
import {
  type NextAction,
  type ProcessorPlace,
  type ProcessorWord,
  senderWord,
} from '../../src/domain/processor-word.ts';
import { fallbackReason } from '../../src/domain/routing.ts';
import { type Attempt, isFinal } from '../../src/domain/transaction.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { ShardRequest, StartAttempt } from '../../src/messages/requests.ts';
import { createLane, type Lane } from '../../src/runtime/turn.ts';
import { createModelStore, type ModelStore } from '../support/model-store.ts';
import { anIntent, aWord, SHOWN_CARD, T0 } from '../support/payments.ts';

/** How a charge stands in a bank's book. */
export type Standing =
  | 'charged'
  | 'declined_closed'
  | 'declined_open'
  | 'declined_elsewhere'
  | 'processing'
  | 'action'
  | 'second_action';

/** What comes of one leg's charge. */
export interface LegTruth {
  /** `answered`, and `silent` when the answer is lost; `slow` arrives at any later moment; the others never arrive. */
  sending: 'answered' | 'silent' | 'slow' | 'lost' | 'unreachable' | 'busy' | 'breaker_open';
  /** How it stands at the bank, one after the other; the last is final. */
  book: readonly Standing[];
}

export interface Truth {
  name: string;
  first: LegTruth;
  /** Null: the merchant has no fallback. */
  second: LegTruth | null;
  /** Recovery asks three times in vain long after the time to send, while messages are still on their way. */
  proves?: true;
  /** What an operator says meanwhile; `charged` only once the bank's book has it. */
  operator?: 'charged' | 'declined';
}

/** The last thing that the sender does; whatever its process held is lost then. */
export type SenderEnd = 'after-commit-b' | 'after-charge-1' | 'after-commit-b2' | 'after-charge-2' | 'never';

/** A question asked while messages are on their way: by recovery, or because the shopper came back. */
export type Question = 'query' | 'return';

/** What befalls a message besides its order: which gateway hears it, whether that one has lost its memory, whether it hears it twice. */
export interface Weather {
  gateway(): 0 | 1;
  losesMemory(): boolean;
  repeats(): boolean;
  /** A second passes, after which what was written behind is due. */
  secondPasses(): boolean;
}

/** How it ended, with what has happened in the world itself. */
export interface Ending {
  payment: Payment;
  attempt: Attempt;
  /** The merchant's events, in their order. */
  events: string[];
  incidents: string[];
  /** How each leg stands at its bank; null: it is not in the book. */
  booked: { 1: Standing | null; 2: Standing | null };
  /** The word of its own proof that the sender has told; null: it told none. */
  told: ProcessorWord | null;
  /** The sender had its proof in time and asked for commit B2. */
  askedForSecond: boolean;
  /** Recovery or an operator closed the attempt by what the bank had not said. */
  concluded: boolean;
  /** What must hold after every step and did not. */
  broken: string[];
  /** The steps, for people. */
  steps: string[];
}

const INTENT = anIntent();
const INTENT_ID: IntentId = INTENT.paymentIntentId;
const TXN: TransactionId = transactionIdOf(INTENT_ID, 1);
const PLACES = {
  1: { processor: 'SANDBOX', processorAccount: 'acct_demo' },
  2: { processor: 'SANDBOX_B', processorAccount: 'acct_b' },
} as const satisfies Record<1 | 2, ProcessorPlace>;
const SEND_BEFORE = T0 + 30_000;
const NONCE = 'ab'.repeat(16);
const SECOND_MS = 1001;

const STANDINGS: Readonly<Record<Standing, Partial<ProcessorWord>>> = {
  charged: { said: 'charged' },
  declined_closed: { said: 'declined', failureCode: 'insufficient_funds', referenceClosed: true },
  declined_open: { said: 'declined', failureCode: 'card_declined' },
  declined_elsewhere: {
    said: 'declined',
    failureCode: 'acquirer_unavailable',
    referenceClosed: true,
    elsewhere: true,
  },
  processing: { said: 'accepted' },
  action: { said: 'action_required', nextAction: pageOf(1) },
  second_action: { said: 'action_required', nextAction: pageOf(2) },
};

function pageOf(step: number): NextAction {
  return { kind: 'redirect', url: `https://bank.example/3ds/${step}`, expiresAt: T0 + 300_000 };
}

const PROOFS = {
  unreachable: 'processor_unreachable',
  busy: 'processor_busy',
  breaker_open: 'processor_breaker_open',
} as const;

interface Step {
  name: string;
  run(): Promise<void>;
}

/**
 * Plays a truth to its end.
 * @param choose which of so many possible steps is next
 */
export async function playPayment(
  truth: Truth,
  senderEnd: SenderEnd,
  questions: readonly Question[],
  weather: Weather,
  choose: (count: number) => number,
): Promise<Ending> {
  const store = createModelStore();
  const time = { now: T0 };
  const gateways = [createMemory(store, time), createMemory(store, time)] as const;
  const legs = { 1: truth.first, 2: truth.second };
  /** Where each leg stands in its book; -1: not in it. */
  const at = { 1: -1, 2: -1 };
  const waiting: Step[] = [];
  const broken: string[] = [];
  const steps: string[] = [];
  let events = 0;
  let callbacks = 0;
  let told: ProcessorWord | null = null;
  let concluded = false;
  let inTime = false;

  const standing = (leg: 1 | 2): Standing | null => legs[leg]?.book[at[leg]] ?? null;

  async function ask(request: ShardRequest): Promise<ShardReply> {
    if (weather.secondPasses()) await pass(SECOND_MS);
    const gateway = gateways[weather.gateway()];
    if (weather.losesMemory()) gateway.lose();
    const before = row(store);
    if (weather.repeats()) await gateway.ask(request);
    const reply = await gateway.ask(request);
    look(before, row(store));
    return reply;
  }

  function look(before: Attempt | undefined, after: Attempt | undefined): void {
    if (before === undefined || after === undefined || before === after) return;
    const { status, nextAction } = after;
    if (after.revision <= before.revision) broken.push(`revision ${before.revision}, then ${after.revision}`);
    if (isFinal(before.status) && status !== before.status && status !== 'SUCCESS')
      broken.push(`${before.status}, then ${status}`);
    if ((status === 'REQUIRES_ACTION') !== (nextAction !== null))
      broken.push(`${status} with the step ${nextAction}`);
  }

  async function pass(ms: number): Promise<void> {
    time.now += ms;
    for (const gateway of gateways) await gateway.writeBehind();
  }

  async function hear(word: ProcessorWord): Promise<void> {
    const eventId = makeId(T0, shardOfId(INTENT_ID), bytesOf(++events));
    await ask({ type: 'hear-word', transactionId: TXN, word, eventId, now: time.now });
  }

  function wordOf(leg: 1 | 2, source: ProcessorWord['source']): ProcessorWord {
    const standing = legs[leg]!.book[at[leg]]!;
    return aWord({
      ...STANDINGS[standing],
      ...PLACES[leg],
      source,
      leg: source === 'callback' ? null : leg,
      processorTxnId: `ch_${leg}`,
      paymentMethodType: 'DEBIT_CARD',
      at: time.now,
      detail: standing,
    });
  }

  function unsaid(source: ProcessorWord['source'], said: ProcessorWord['said'], leg: 1 | 2): ProcessorWord {
    const nothing = { processorTxnId: null, amount: null, currency: null };
    return aWord({ ...PLACES[leg], ...nothing, source, said, leg, at: time.now, detail: said });
  }

  /** Books the next standing of a leg: a callback for it, twice, unless it waits for the shopper. */
  function book(leg: 1 | 2): void {
    const standings = legs[leg]!.book;
    at[leg]++;
    const standing = standings[at[leg]]!;
    if (at[leg] + 1 < standings.length)
      waiting.push({ name: `bank ${leg} goes on`, run: async () => book(leg) });
    if (standing === 'action' || standing === 'second_action') return;
    const word = wordOf(leg, 'callback');
    const callbackId = `evt_${++callbacks}`;
    const deliver = async (): Promise<void> => {
      const eventId = makeId(T0, shardOfId(INTENT_ID), bytesOf(++events));
      const heard = { ...word, at: time.now };
      const [processor, now] = [word.processor, time.now];
      const request = {
        callbackId,
        transactionId: TXN,
        word: heard,
        receivedAt: now,
        relay: false,
        eventId,
        now,
      };
      const reply = await ask({ type: 'hear-callback', processor, ...request });
      if (reply.type !== 'callback-heard' || reply.verdict === 'quarantined' || reply.verdict === 'unmatched')
        broken.push(`callback of ${standing} from bank ${leg}: ${JSON.stringify(reply)}`);
    };
    const first = { name: `callback ${standing} from bank ${leg}`, run: deliver };
    waiting.push({
      ...first,
      run: async () => {
        waiting.push({ name: `${first.name}, again`, run: deliver });
        await deliver();
      },
    });
  }

  /** Sends a leg's charge and returns what the sender then knows. */
  function charge(leg: 1 | 2): ProcessorWord {
    const { sending } = legs[leg]!;
    const place = { ...PLACES[leg], leg };
    const own = (said: 'not_sent' | 'unknown', failureCode: string | null): ProcessorWord =>
      senderWord(place, said, { failureCode, detail: said, at: time.now });
    if (time.now >= SEND_BEFORE) return own('not_sent', 'send_before_passed');
    if (sending === 'unreachable' || sending === 'busy' || sending === 'breaker_open')
      return own('not_sent', PROOFS[sending]);
    if (sending === 'slow') waiting.push({ name: `charge ${leg} arrives`, run: async () => book(leg) });
    if (sending === 'slow' || sending === 'lost') return own('unknown', null);
    book(leg);
    return sending === 'silent' ? own('unknown', null) : wordOf(leg, 'answer');
  }

  function sendCharge(leg: 1 | 2): Step {
    return {
      name: `sender charges ${leg}`,
      run: async () => {
        const word = charge(leg);
        if (senderEnd === (leg === 1 ? 'after-charge-1' : 'after-charge-2')) return;
        const goesOn = leg === 1 && truth.second !== null && fallbackReason(word) !== null;
        waiting.push(goesOn ? startLeg(word) : tell(word));
      },
    };
  }

  function startLeg(word: ProcessorWord): Step {
    return {
      name: 'sender asks for the second leg',
      run: async () => {
        const asked = { type: 'start-leg', transactionId: TXN, nonce: NONCE, word, now: time.now } as const;
        inTime = time.now < SEND_BEFORE;
        const reply = inTime ? await ask(asked) : null;
        const started = reply?.type === 'leg-started' && reply.started;
        if (row(store)!.leg === 2 && !started) broken.push('the sender was not told of its second leg');
        if (senderEnd === 'after-commit-b2') return;
        waiting.push(started ? sendCharge(2) : tell(word));
      },
    };
  }

  function tell(word: ProcessorWord): Step {
    return {
      name: `sender tells ${word.said}`,
      run: async () => {
        if (word.said === 'not_sent') told = word;
        await hear(word);
      },
    };
  }

  /** Asks the bank of the leg the attempt stands on; the answer is heard later. */
  function question(source: Question): Step {
    return {
      name: `${source} asks`,
      run: async () => {
        const leg = row(store)!.leg as 1 | 2;
        const word = at[leg] < 0 ? unsaid(source, 'not_found', leg) : wordOf(leg, source);
        waiting.push({ name: `${source} tells ${word.detail}`, run: () => hear({ ...word, at: time.now }) });
      },
    };
  }

  /** Recovery's proof holds at the moment it is told, as far as the bank knows. */
  async function prove(): Promise<void> {
    const { leg, status } = row(store)!;
    time.now = Math.max(time.now, SEND_BEFORE + 120_001);
    if (at[leg as 1 | 2] >= 0 || isFinal(status)) return;
    await hear(unsaid('recovery', 'never_arrived', leg as 1 | 2));
    concluded = row(store)!.status === 'FAILED';
  }

  async function resolve(said: 'charged' | 'declined'): Promise<void> {
    const { leg, status } = row(store)!;
    // Nobody resolves as paid what the bank does not show as paid.
    const shown = said === 'declined' || standing(leg as 1 | 2) === 'charged';
    if (isFinal(status) || !shown) return;
    await hear({
      ...unsaid('operator', said, leg as 1 | 2),
      failureCode: said === 'declined' ? 'resolved_failed' : null,
    });
    concluded ||= said === 'declined';
  }

  async function rest(): Promise<void> {
    time.now = Math.max(time.now, SEND_BEFORE + 120_001);
    await pass(SECOND_MS);
    for (let asked = 0; asked < 3 && !isFinal(row(store)!.status); asked++) {
      const leg = row(store)!.leg as 1 | 2;
      await hear(at[leg] < 0 ? unsaid('recovery', 'never_arrived', leg) : wordOf(leg, 'query'));
      await pass(SECOND_MS);
    }
  }

  await ask({ type: 'create-intent', intent: INTENT, answer: '{}', key: null, now: T0 });
  await ask(startAttempt(truth));
  if (senderEnd !== 'after-commit-b') waiting.push(sendCharge(1));
  for (const source of questions) waiting.push(question(source));
  waiting.push({
    name: 'the time to send passes',
    run: () => pass(SEND_BEFORE + 1 - T0),
  });
  if (truth.proves) waiting.push({ name: 'recovery proves', run: prove });
  if (truth.operator !== undefined)
    waiting.push({ name: 'operator resolves', run: () => resolve(truth.operator!) });
  while (waiting.length > 0) {
    const [step] = waiting.splice(choose(waiting.length), 1);
    steps.push(step!.name);
    await step!.run();
  }
  await rest();
  const payment = store.payments.get(INTENT_ID)!;
  return {
    payment,
    attempt: payment.attempts[0]!,
    events: store.outbox.map(({ type }) => type),
    incidents: [...store.incidents.keys()].map((name) => name.split(' ')[1]!).sort(),
    booked: { 1: standing(1), 2: standing(2) },
    told,
    concluded,
    askedForSecond: inTime,
    broken,
    steps,
  };
}

function row(store: ModelStore): Attempt | undefined {
  return store.payments.get(INTENT_ID)?.attempts[0];
}

function startAttempt({ second }: Truth): StartAttempt {
  return {
    type: 'start-attempt',
    intentId: INTENT_ID,
    merchantId: INTENT.merchantId,
    nonce: NONCE,
    ...PLACES[1],
    fallback: second === null ? null : PLACES[2],
    card: SHOWN_CARD,
    sendBefore: SEND_BEFORE,
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    claimedAmount: null,
    claimedCurrency: null,
    key: null,
    now: T0,
  };
}

function bytesOf(number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(4, number);
  return bytes;
}

/** One gateway's lane over the store, which may lose all it holds in memory. */
function createMemory(store: ModelStore, time: { now: number }) {
  let due: (() => void) | null = null;
  let lane: Lane<ShardRequest, ShardReply> = open();

  function open(): Lane<ShardRequest, ShardReply> {
    due = null;
    return createLane(
      createPaymentActor({ paymentsMax: 100, writeBehindMs: 1000 }),
      store,
      { now: () => time.now, monotonicMs: () => time.now },
      { mailboxMax: 100, turnCommandsMax: 100, lingerMsMax: 0, triesMax: 4 },
      () => undefined,
      {
        setImmediate: (run: () => void) => queueMicrotask(run),
        setTimeout: (run: () => void) => {
          due = run;
        },
        clearTimeout: () => {
          due = null;
        },
      },
    );
  }

  const ask = (request: ShardRequest): Promise<ShardReply> =>
    new Promise((resolve) => lane.submit(structuredClone(request), Number.POSITIVE_INFINITY, resolve));

  return {
    ask,
    lose(): void {
      lane = open();
    },
    async writeBehind(): Promise<void> {
      if (due === null) return;
      due();
      // The second answer comes from the turn after the one that wrote.
      for (let n = 0; n < 2; n++) await ask({ type: 'find-payment', intentId: INTENT_ID, merchantId: null });
    },
  };
}
