/**
 * The desk: books orders and answers questions for every dialect, with the faults that are ordered for them.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type Answer, answer, answerHtml, breakOff, pause } from './answers.ts';
import { type Book, type Charge, decided } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import type { Challenges } from './challenges.ts';
import type { Changes } from './changes.ts';
import type { Delays } from './delays.ts';
import {
  type Account,
  type AnswerManner,
  type ChargeVoice,
  type Choice,
  type Decision,
  type Desk,
  type Dialect,
  type Order,
  type OrderVoice,
  otherThan,
  type QueryVoice,
  type Question,
} from './dialect.ts';
import { type FaultOrder, type Faults, OF_THE_RETURN } from './faults.ts';
import type { LateBookings } from './late-bookings.ts';
import { Records } from './records.ts';
import type { Settled, SettlementFaults } from './settled.ts';

/** What every desk works with. */
export interface BackOffice {
  /** Of every dialect. */
  readonly accounts: readonly Account[];
  readonly book: Book;
  readonly callbacks: Callbacks;
  readonly challenges: Challenges;
  readonly changes: Changes;
  readonly lateBookings: LateBookings;
  readonly faults: Faults;
  readonly settlementFaults: SettlementFaults;
  readonly delays: Delays;
  readonly clock: () => number;
  /** Where shoppers reach the bank, without a trailing slash. Known once it listens. */
  readonly bankUrl: () => string;
  readonly dataDir: string;
  /** How files of records are opened. */
  readonly files: Parameters<typeof Records.open>[1];
}

/** How an answer to a charge leaves: as a card may have it, or as only an ordered fault does. */
type Leaving = AnswerManner | 'html504' | 'reset' | 'otherReference';

/** How long a `late` answer takes: beyond any timeout of a caller. */
const LATE_ANSWER_MS = 60_000;

export class DialectDesk implements Desk {
  readonly book: Book;
  readonly accounts: readonly Account[];
  readonly clock: () => number;
  readonly bankUrl: () => string;
  readonly #dialect: Dialect;
  readonly #office: BackOffice;
  readonly #records: { close(): Promise<void> }[] = [];

  constructor(dialect: Dialect, office: BackOffice) {
    this.book = office.book;
    this.accounts = office.accounts.filter((account) => account.dialect === dialect.name);
    this.clock = office.clock;
    this.bankUrl = office.bankUrl;
    this.#dialect = dialect;
    this.#office = office;
  }

  async charge(response: ServerResponse, account: Account, order: Order, voice: ChargeVoice): Promise<void> {
    const { faults, delays, challenges, changes, callbacks, lateBookings } = this.#office;
    const dialect = this.#dialect;
    const now = this.clock();
    const decision = dialect.decide(order, now);
    const ofCard = decision.answer ?? 'plain';
    // Before any fault: most of them charge, and this card is promised not to be.
    if (ofCard === 'html502') return answerHtml(response, 502);
    const card = order.method.type === 'card' ? order.method.number : '';
    const facts = { card, reference: order.reference, amount: order.amount };
    const fault = faults.take('charge', facts, decision.callback ? [] : ['callbackFirst']);
    if (fault !== undefined && answerUnbooked(response, fault, voice)) return;
    if (fault?.fault === 'bookLate') {
      lateBookings.add(dialect, account.account, order, fault.ms);
      response.destroy();
      return;
    }

    const { challengeMs } = delays.order;
    const placed = this.book.place({ dialect, account: account.account, order, decision, now, challengeMs });
    const { kind, charge } = placed;
    const first = kind === 'booked';
    // Looked at now: a charge that asks the shopper may be decided, and its callback owed, while this one waits for the disk.
    const callsBack = first && charge.callback === 'due';
    if (first) {
      challenges.watch(charge);
      changes.watch(charge);
    }
    await charge.written;
    if (kind === 'reused') return answer(response, this.#reused(charge, voice));
    const { answerMs, callbackMs } = delays.next();
    if (callsBack) callbacks.send(charge, now + callbackMs);
    // Its outcome is not looked at: the callback is owed anyway and comes again.
    if (fault?.fault === 'callbackFirst') await callbacks.replay(charge);
    const late = first && ofCard === 'late' ? LATE_ANSWER_MS : 0;
    const delayMs = Math.max(answerMs, late, fault?.fault === 'delay' ? fault.ms : 0);
    const manner = mannerOf(first, ofCard, fault);
    const kept = voice.keep === undefined ? undefined : trueWord(charge, !first, manner, voice);
    if (kept !== undefined) await voice.keep?.(kept, charge);
    if (delayMs > 0) {
      if (!(await pause(delayMs, response))) return;
      await charge.written; // It may have been settled meanwhile.
    }
    const word =
      manner === 'otherReference'
        ? voice.charge(dialect.ofAnother(charge), false)
        : (kept ?? trueWord(charge, !first, manner, voice));
    leave(response, word, manner);
  }

  async order(
    response: ServerResponse,
    { reference, amount }: { readonly reference: string; readonly amount: number },
    voice: OrderVoice,
  ): Promise<void> {
    const fault = this.#office.faults.take('order', { card: '', reference, amount });
    if (fault !== undefined && answerUnbooked(response, fault, voice)) return;
    const word = await voice.open();
    if (fault?.fault === 'delay' && !(await pause(fault.ms, response))) return;
    const manner = mannerOf(true, 'plain', fault);
    if (manner === 'lost') response.destroy();
    else if (manner === 'error500') answer(response, voice.internalError());
    else if (manner === 'html504') answerHtml(response, 504);
    else if (manner === 'reset') breakOff(response, word);
    else answer(response, word);
  }

  async query(response: ServerResponse, { reference, charges }: Question, voice: QueryVoice): Promise<void> {
    for (const { written } of charges) await written;
    const struck = this.#struckOf(reference, charges);
    const way = struck.find(({ order }) => order.fault !== 'notFound' && order.fault !== 'otherReference');
    if (way?.order.fault === 'delay') {
      if (!(await pause(way.order.ms, response))) return;
      for (const { written } of charges) await written; // They may have been settled meanwhile.
    }
    const shown = charges.flatMap((charge) => this.#shownAs(charge, struck));
    const truth = (): Answer => (shown.length === 0 ? voice.notFound() : voice.found(shown));
    switch (way?.order.fault) {
      case 'drop':
        response.destroy();
        return;
      case 'error500':
        return answer(response, voice.internalError());
      case 'html502':
        return answerHtml(response, 502);
      case 'reset':
        return breakOff(response, truth());
      default:
        return answer(response, truth());
    }
  }

  decide(charge: Charge, decision: Decision): boolean {
    return this.#office.changes.decide(charge, decision);
  }

  async confirm(
    response: ServerResponse,
    charge: Charge,
    choice: Choice,
    say: (charge: Charge) => Answer,
  ): Promise<void> {
    const { faults, challenges, callbacks } = this.#office;
    const facts = { card: charge.bin, reference: charge.reference, amount: charge.amount };
    const asks = charge.status === 'requires_action';
    const fault = asks ? faults.take('challenge', facts, OF_THE_RETURN) : undefined;
    let then = charge;
    if (fault?.fault === 'decideLate') {
      const now = this.clock();
      then = decided(charge, this.#dialect.decideAsked(charge, choice, now), now);
      challenges.decideLate(charge, choice, fault.ms);
    } else challenges.decide(charge, choice);
    await charge.written;
    // Its outcome is not looked at: the callback is owed anyway and comes again.
    if (fault?.fault === 'callbackFirst') await callbacks.replay(charge);
    if (fault?.fault === 'delay' && !(await pause(fault.ms, response))) return;
    if (fault?.fault === 'drop') response.destroy();
    else answer(response, say(then));
  }

  decideAsked(charge: Charge, choice: Choice): boolean {
    return this.#office.challenges.decide(charge, choice);
  }

  settled(charges: Iterable<Charge>): Settled[] {
    const dialect = this.#dialect;
    return this.#office.settlementFaults.settledOf(charges, dialect.cannotSettle, (charge) => ({
      ...dialect.ofAnother(charge),
      id: otherThan(charge.id),
    }));
  }

  async openRecords<Value>(name: string): Promise<Records<Value>> {
    const { dataDir, files } = this.#office;
    const records = await Records.open<Value>(join(dataDir, `${this.#dialect.name}-${name}.ndjson`), files);
    this.#records.push(records);
    return records;
  }

  /** Writes and closes what the dialect has opened. */
  async close(): Promise<void> {
    for (const records of this.#records) await records.close();
  }

  #reused(charge: Charge, voice: ChargeVoice): Answer {
    if (voice.reused === undefined)
      throw new Error(`${this.#dialect.name} gives keys and has no word for reuse`);
    return voice.reused(charge);
  }

  /** The faults that strike a question: of a list each charge is asked about. */
  #struckOf(reference: string, charges: readonly Charge[]): Struck[] {
    const { faults } = this.#office;
    if (charges.length === 0) {
      const order = faults.take('query', { card: '', reference, amount: 0 }, ['otherReference', 'notFound']);
      return order === undefined ? [] : [{ order, charge: undefined }];
    }
    return charges.flatMap((charge) => {
      const facts = { card: charge.bin, reference: charge.reference, amount: charge.amount };
      const order = faults.take('query', facts);
      return order === undefined ? [] : [{ order, charge }];
    });
  }

  /** The charge as an answer has it: left out, another's, or as it is. */
  #shownAs(charge: Charge, struck: readonly Struck[]): Charge[] {
    switch (struck.find((one) => one.charge === charge)?.order.fault) {
      case 'notFound':
        return [];
      case 'otherReference':
        return [this.#dialect.ofAnother(charge)];
      default:
        return [charge];
    }
  }
}

/** A fault, and which charge of the question it is about; undefined: there is none. */
interface Struck {
  readonly order: FaultOrder;
  readonly charge: Charge | undefined;
}

/** Answers, or breaks off, what the fault keeps from being booked at all; false when the charge is to be booked. */
function answerUnbooked(
  response: ServerResponse,
  { fault }: FaultOrder,
  voice: Pick<ChargeVoice, 'unavailable'>,
): boolean {
  if (fault === 'html502') answerHtml(response, 502);
  else if (fault === 'error503') answer(response, voice.unavailable());
  else if (fault === 'dropBefore') response.destroy();
  else return false;
  return true;
}

/** The bank's own word on a charge, not what a fault makes of it on the way. */
function trueWord(charge: Charge, replayed: boolean, manner: Leaving, voice: ChargeVoice): Answer {
  return manner === 'error500' ? voice.internalError() : voice.charge(charge, replayed);
}

function leave(response: ServerResponse, word: Answer, manner: Leaving): void {
  if (manner === 'lost') response.destroy();
  else if (manner === 'html504') answerHtml(response, 504);
  else if (manner === 'reset') breakOff(response, word);
  else answer(response, word);
}

/** How this answer leaves: as the fault says, else, at the first answer, as the card says. */
function mannerOf(first: boolean, ofCard: AnswerManner, fault: FaultOrder | undefined): Leaving {
  switch (fault?.fault) {
    case 'drop':
      return 'lost';
    case 'error500':
    case 'html504':
    case 'reset':
    case 'otherReference':
      return fault.fault;
    default:
      return first ? ofCard : 'plain';
  }
}
