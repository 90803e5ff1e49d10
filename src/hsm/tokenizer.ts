/**
 * Tokenizer: card → sealed page → token.
 *
 * A page is the cards that waited while the previous page was sealed and committed, so HSM calls and commits per
 * card fall as load rises, and an idle tokenizer seals a card at once. In strict mode (one card a page) the pages
 * of a round are still sealed by one task and committed by one statement. A token leaves only after its page is
 * durable. Each worker has one round under way.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { binOf, cardBrand, lastFourOf, maskPan } from '../domain/card.ts';
import { CardLine, type LineCard } from './card-line.ts';
import type {
  CardDetails,
  HsmHealth,
  HsmOptions,
  HsmRefusal,
  OpeningRow,
  SealedPage,
  TokenizedCard,
  Tokenizer,
  VaultStore,
} from './hsm.ts';
import { HsmError, type KeyName } from './keyring.ts';
import { cardRecord, PAGE_CARDS_MAX, pageIdOf, pageText, placeOf, type TokenPlace, tokenOf } from './page.ts';
import { admitModule } from './software/software-keyring.ts';
import { type SealingKey, VaultKeys } from './vault-keys.ts';
import { createVaultPool, type VaultPool } from './vault-pool.ts';
import type { PagesSealed, Probed, VaultAnswer } from './vault-tasks.ts';

const WAITING_CARDS_MAX = 4096;

/**
 * Starts the workers, makes or finds the keys, and seals and opens a probe page.
 * Rejects with HsmError when module, token, PIN or probe fail, and with the store's error when it cannot be read.
 */
export async function createTokenizer(options: HsmOptions, vault: VaultStore): Promise<Tokenizer> {
  admitModule(options.module, options.mode ?? 'test');
  return await createTokenizerOver(options, vault, createVaultPool(options));
}

/** The same over a given pool, which it closes when the start fails. */
export async function createTokenizerOver(
  options: HsmOptions,
  vault: VaultStore,
  pool: VaultPool,
): Promise<Tokenizer> {
  try {
    checkSizes(options);
    const keys = new VaultKeys(options, pool, vault);
    const fingerprintKey = await keys.fingerprintKey();
    const { key } = await keys.sealingKey(1);
    const answer = await pool.run('repeat', () => ({ task: { type: 'probe', key, fingerprintKey } }));
    return new PageTokenizer({
      options,
      vault,
      pool,
      keys,
      fingerprintKey,
      probed: expect(answer, 'probed'),
    });
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** What the start has found. */
interface Parts {
  options: HsmOptions;
  vault: VaultStore;
  pool: VaultPool;
  keys: VaultKeys;
  fingerprintKey: KeyName;
  probed: Probed;
}

class PageTokenizer implements Tokenizer {
  readonly #parts: Parts;
  readonly #line: CardLine;
  /** Lanes at work, one a worker at most. */
  readonly #lanes = new Set<Promise<void>>();
  #laneScheduled = false;
  #closed = false;
  #sealedCards = 0;
  #sealedPages = 0;
  #failure: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#line = new CardLine(parts.options.waitingCardsMax ?? WAITING_CARDS_MAX, monotonicMs);
  }

  async tokenize(card: CardDetails, deadlineMs: number): Promise<TokenizedCard | HsmRefusal> {
    if (this.#closed) return { refused: 'hsm_unavailable', detail: 'the tokenizer is closed' };
    if (this.#parts.pool.exhausted) return { refused: 'hsm_unavailable', detail: 'workers_exhausted' };
    if (this.#line.full) return { refused: 'hsm_busy', detail: `${this.#line.waiting} cards wait` };
    if (deadlineMs <= monotonicMs()) return { refused: 'hsm_busy', detail: 'the deadline has passed' };
    const record = cardRecord(card);
    const shown = {
      brand: cardBrand(card.pan),
      masked: maskPan(card.pan),
      expiryMonth: card.expiryMonth,
      expiryYear: card.expiryYear,
      bin: binOf(card.pan),
      last4: lastFourOf(card.pan),
    };
    return await new Promise((answer) => {
      this.#line.add({ record, shown, deadlineMs, phase: 'waiting', answer });
      this.#scheduleLane();
    });
  }

  async open(token: string, purpose: string, actor: string): Promise<Uint8Array | HsmRefusal> {
    const place = placeOf(token);
    if (place === undefined) return { refused: 'token_unknown', detail: 'not a token of this vault' };
    let pan: Uint8Array | undefined;
    try {
      pan = await this.#openAt(place);
      await this.#record(place, purpose, actor, pan === undefined ? 'token_unknown' : 'opened');
    } catch (error) {
      pan?.fill(0);
      const refusal = refusalOf(error);
      if (refusal.refused === 'vault_unavailable') return refusal;
      return await this.#recordRefusal(place, purpose, actor, refusal);
    }
    return pan ?? { refused: 'token_unknown', detail: 'no such page or slot' };
  }

  health(): HsmHealth {
    const { options, pool, keys, probed } = this.#parts;
    const failed = this.#failure !== undefined || pool.abandonedWorkers > 0;
    return {
      status: pool.exhausted ? 'replace_process' : failed ? 'degraded' : 'ok',
      module: options.module,
      ivMadeBy: probed.ivMadeBy,
      keyVersion: keys.currentVersion,
      waitingCards: this.#line.waiting,
      sealedCards: this.#sealedCards,
      sealedPages: this.#sealedPages,
      abandonedWorkers: pool.abandonedWorkers,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }

  loseWorker(): void {
    this.#parts.pool.loseWorker();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#line.refuseWaiting('hsm_unavailable', 'the tokenizer is closed');
    await Promise.all(this.#lanes);
    await this.#parts.pool.close();
  }

  /** Starts a lane after this turn of the event loop, so that cards of one turn share a page. */
  #scheduleLane(): void {
    if (this.#laneScheduled || this.#lanes.size >= this.#parts.options.threads) return;
    this.#laneScheduled = true;
    setImmediate(() => {
      this.#laneScheduled = false;
      const lane = this.#runLane().finally(() => {
        this.#lanes.delete(lane);
        // A card that came after the lane had looked for the last time found the lane still listed.
        if (this.#line.waiting > 0) this.#scheduleLane();
      });
      this.#lanes.add(lane);
      if (this.#line.waiting > 0) this.#scheduleLane();
    });
  }

  async #runLane(): Promise<void> {
    for (;;) {
      const cards = this.#line.take(PAGE_CARDS_MAX);
      if (cards.length === 0) return;
      await this.#round(cards);
    }
  }

  async #round(cards: LineCard[]): Promise<void> {
    try {
      const pages = inPages(cards, this.#parts.options.pageCardsMax);
      const { rows, fingerprints } = await this.#seal(pages);
      for (const card of cards) card.phase = 'committing';
      await this.#parts.vault.appendPages(rows);
      this.#sealedPages += rows.length;
      this.#sealedCards += cards.length;
      this.#failure = undefined;
      this.#release(pages, rows, fingerprints);
    } catch (error) {
      const refusal = refusalOf(error);
      this.#failure = error instanceof HsmError ? error.code : refusal.refused;
      for (const card of cards) this.#line.settle(card, refusal);
    } finally {
      for (const card of cards) card.record.fill(0);
    }
  }

  #release(pages: LineCard[][], rows: SealedPage[], fingerprints: string[][]): void {
    pages.forEach((page, index) => {
      page.forEach((card, slot) => {
        const token = tokenOf(rows[index]!.pageId, slot);
        this.#line.settle(card, { token, fingerprint: fingerprints[index]![slot]!, ...card.shown });
      });
    });
  }

  /** Seals under page ids of this attempt: a hung attempt that returns late has sealed pages nobody names. */
  async #seal(pages: LineCard[][]): Promise<{ rows: SealedPage[]; fingerprints: string[][] }> {
    const { pool, keys, fingerprintKey } = this.#parts;
    let sealing: SealingKey | undefined;
    let pageIds: Uint8Array[] = [];
    const answer = await pool.run('repeat', async () => {
      const sealingKey = await keys.sealingKey(pages.length);
      sealing = sealingKey;
      pageIds = pages.map(() => pageIdOf(Date.now(), randomBytes(10)));
      const texts = pages.map((page) => pageText(page.map((card) => card.record)));
      const taskPages = texts.map((text, index) => ({ pageId: pageIds[index]!, text }));
      return {
        task: { type: 'seal-pages', ...sealingKey, fingerprintKey, pages: taskPages },
        transfer: texts.map((text) => text.buffer),
      };
    });
    const sealed: PagesSealed = expect(answer, 'pages-sealed');
    const rows = sealed.pages.map(({ iv, ciphertext }, index) => ({
      pageId: pageIds[index]!,
      keyVersion: sealing!.keyVersion,
      cardCount: pages[index]!.length,
      iv,
      ciphertext,
      createdAt: new Date(),
    }));
    return { rows, fingerprints: sealed.pages.map((page) => page.fingerprints) };
  }

  async #openAt({ pageId, slot }: TokenPlace): Promise<Uint8Array | undefined> {
    const { vault, keys, pool } = this.#parts;
    const page = await vault.readPage(pageId);
    if (page === undefined) return undefined;
    const { keyVersion, iv, ciphertext } = page;
    const key = await keys.keyOf(keyVersion);
    if (key === undefined) throw new HsmError('key_missing', `key version ${keyVersion} is not in the vault`);
    const answer = await pool.run('repeat', () => ({
      task: { type: 'open-card', key, keyVersion, pageId, iv, ciphertext, slot },
    }));
    return expect(answer, 'card-opened').pan;
  }

  async #record(
    place: TokenPlace,
    purpose: string,
    actor: string,
    outcome: OpeningRow['outcome'],
  ): Promise<void> {
    await this.#parts.vault.recordOpening({ ...place, purpose, actor, outcome });
  }

  async #recordRefusal(
    place: TokenPlace,
    purpose: string,
    actor: string,
    refusal: HsmRefusal,
  ): Promise<HsmRefusal> {
    try {
      await this.#record(place, purpose, actor, 'hsm_unavailable');
      return refusal;
    } catch (error) {
      return refusalOf(error);
    }
  }
}

/** Cards of a round, page by page. */
function inPages(cards: LineCard[], pageCardsMax: number): LineCard[][] {
  const pages: LineCard[][] = [];
  for (let at = 0; at < cards.length; at += pageCardsMax) pages.push(cards.slice(at, at + pageCardsMax));
  return pages;
}

/** An error of the HSM room is its own; any other came from the vault store. */
function refusalOf(error: unknown): HsmRefusal {
  if (!(error instanceof HsmError)) {
    return { refused: 'vault_unavailable', detail: error instanceof Error ? error.message : 'unknown' };
  }
  return { refused: error.code === 'queue_full' ? 'hsm_busy' : 'hsm_unavailable', detail: error.message };
}

function expect<T extends VaultAnswer['type']>(
  answer: VaultAnswer,
  type: T,
): Extract<VaultAnswer, { type: T }> {
  if (answer.type !== type) throw new Error(`vault worker answered ${answer.type}, not ${type}`);
  return answer as Extract<VaultAnswer, { type: T }>;
}

function checkSizes(options: HsmOptions): void {
  const { threads, pageCardsMax, callTimeoutMs } = options;
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`threads: ${threads}`);
  if (!Number.isInteger(pageCardsMax) || pageCardsMax < 1 || pageCardsMax > PAGE_CARDS_MAX) {
    throw new RangeError(`pageCardsMax: ${pageCardsMax}, must be 1 to ${PAGE_CARDS_MAX}`);
  }
  if (!(callTimeoutMs > 0)) throw new RangeError(`callTimeoutMs: ${callTimeoutMs}`);
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
