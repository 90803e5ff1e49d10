/**
 * In turn: work on one connection, each piece when the one before it has ended.
 *
 * @module
 */

export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** Makes a turn. One that fails keeps no other waiting. */
export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
