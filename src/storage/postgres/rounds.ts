/**
 * Rounds: calls that come while a statement is under way go together in the next one.
 *
 * One statement over many rows costs little more than one over a single row. The first call of an idle line waits to the
 * end of the event loop's tick, so that requests read in one tick share a round too.
 *
 * @module
 */

export interface Rounds<Item, Answer> {
  /** Rejects with what the round's statement rejected with, or with {@link LineFull}. */
  submit(item: Item): Promise<Answer>;
}

/** More calls wait than may. */
export class LineFull extends Error {
  constructor(waitingMax: number) {
    super(`${waitingMax} calls are waiting`);
    this.name = 'LineFull';
  }
}

interface Waiting<Item, Answer> {
  item: Item;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** @param run answers all items of a round, in their order */
export function createRounds<Item, Answer>(
  limits: { itemsPerRoundMax: number; waitingMax: number },
  run: (items: Item[]) => Promise<Answer[]>,
): Rounds<Item, Answer> {
  let waiting: Array<Waiting<Item, Answer>> = [];
  let busy = false;

  function submit(item: Item): Promise<Answer> {
    if (waiting.length >= limits.waitingMax) return Promise.reject(new LineFull(limits.waitingMax));
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (busy) return;
      busy = true;
      setImmediate(() => void goRound());
    });
  }

  async function goRound(): Promise<void> {
    const round = waiting.slice(0, limits.itemsPerRoundMax);
    waiting = waiting.slice(limits.itemsPerRoundMax);
    try {
      const answers = await run(round.map(({ item }) => item));
      for (const [index, { resolve }] of round.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of round) reject(error);
    }
    busy = waiting.length > 0;
    if (busy) setImmediate(() => void goRound());
  }

  return { submit };
}
