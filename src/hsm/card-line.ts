/**
 * Card line: the cards that wait for a page, bounded, and every card under way until it is answered.
 *
 * A card is answered by its deadline whatever hangs: one sweep, which runs only while cards are under way, refuses
 * what is late and says what it was late for. A late card whose page commits after all leaves an unused slot.
 *
 * @module
 */

import type { HsmRefusal, HsmRefusalCode, TokenizedCard } from './hsm.ts';

/** What a card waits for: a page, the HSM, the vault database. */
export type CardPhase = 'waiting' | 'sealing' | 'committing';

export interface LineCard {
  /** The card's bytes in its page; wiped when its round is over, or on refusal while it waits. */
  record: Uint8Array;
  /** All of the answer but token and fingerprint. */
  shown: Omit<TokenizedCard, 'token' | 'fingerprint'>;
  /** Milliseconds on the monotonic clock. */
  deadlineMs: number;
  phase: CardPhase;
  answer: (answer: TokenizedCard | HsmRefusal) => void;
}

const SWEEP_MS = 20;

const LATE: Readonly<Record<CardPhase, HsmRefusal>> = {
  waiting: { refused: 'hsm_busy', detail: 'the deadline passed while the card waited for a page' },
  sealing: { refused: 'hsm_unavailable', detail: 'the deadline passed while the HSM sealed the page' },
  committing: { refused: 'vault_unavailable', detail: 'the deadline passed while the page was committed' },
};

export class CardLine {
  readonly #waitingMax: number;
  readonly #clock: () => number;
  #waiting: LineCard[] = [];
  /** Cards not answered yet: at most the waiting ones and one round a worker. */
  readonly #open = new Set<LineCard>();
  #sweep: NodeJS.Timeout | undefined;

  /** @param clock milliseconds of the monotonic clock */
  constructor(waitingMax: number, clock: () => number) {
    this.#waitingMax = waitingMax;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get full(): boolean {
    return this.#waiting.length >= this.#waitingMax;
  }

  /** Adds a card; the caller has looked at `full`. */
  add(card: LineCard): void {
    this.#waiting.push(card);
    this.#open.add(card);
    this.#sweep ??= setInterval(() => this.#refuseLate(), SWEEP_MS);
  }

  /** The oldest waiting cards, at most `cardsMax`, now being sealed. */
  take(cardsMax: number): LineCard[] {
    const cards = this.#waiting.splice(0, cardsMax);
    for (const card of cards) card.phase = 'sealing';
    return cards;
  }

  /** Answers a card; nothing happens when the sweep was first. */
  settle(card: LineCard, answer: TokenizedCard | HsmRefusal): void {
    if (!this.#open.delete(card)) return;
    if (this.#open.size === 0) this.#stopSweep();
    card.answer(answer);
  }

  /** Refuses all that wait. */
  refuseWaiting(refused: HsmRefusalCode, detail: string): void {
    for (const card of this.#waiting.splice(0)) {
      card.record.fill(0);
      this.settle(card, { refused, detail });
    }
  }

  #refuseLate(): void {
    const now = this.#clock();
    for (const card of this.#open) {
      if (card.deadlineMs > now) continue;
      if (card.phase === 'waiting') card.record.fill(0);
      this.settle(card, LATE[card.phase]);
    }
    this.#waiting = this.#waiting.filter((card) => this.#open.has(card));
  }

  #stopSweep(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
