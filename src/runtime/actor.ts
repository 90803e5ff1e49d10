/**
 * Door of the actors: what a turn asks of them. No payment word stands here.
 *
 * An actor holds the state of many keys of one lane (a slice of logical shards on one database). It never
 * waits and does no I/O: a turn tells it what was read, asks it to decide, commits its facts, and only then
 * releases what it answered.
 *
 * @module
 */

/** What a decision is. */
export type Decision<Fact, Effect, Reply> =
  /** Answer; nothing changes. */
  | { kind: 'reply'; reply: Reply }
  /** Commit these facts; if all were effective answer with `reply(effects)`, else decide afresh from rows read again. */
  | { kind: 'facts'; facts: Fact[]; reply: (effects: readonly Effect[]) => Reply }
  /** Memory is not enough (it would refuse, or another command of this turn is before): read, then decide again. */
  | { kind: 'read-first' };

/** Why a turn could not carry out a command, in words of the runtime. */
export type TurnRefusal =
  /** The mailbox is full. */
  | 'overloaded'
  /** It waited past its deadline; it was not begun. */
  | 'deadline_passed'
  /** The lane is closing. */
  | 'shutting_down'
  /** It lost its compare-and-set too often. */
  | 'conflict'
  | FailureKind;

/** What a storage failure means for a turn; see `storage/storage.ts`. */
export type FailureKind =
  | 'poisoned'
  | 'halfway'
  | 'repeat'
  | 'lock_timeout'
  | 'unavailable'
  | 'uncertain'
  | 'fenced';

export interface Actor<Command, Needs, Loaded, Fact, Effect, Reply> {
  /** What must be read for these commands. `afresh` ones distrust memory. Null: nothing. */
  needs(commands: ReadonlyArray<{ command: Command; afresh: boolean }>): Needs | null;
  /** Takes in what was read: it replaces memory. */
  absorb(loaded: Loaded): void;
  /** Decides one command on tentative state. `afresh`: its rows were read in this turn, so it may refuse. */
  receive(command: Command, now: number, afresh: boolean): Decision<Fact, Effect, Reply>;
  /** The facts of this command are not in the database, or may be: drop what memory holds of it. */
  forget(command: Command): void;
  /** A fact written behind did not come into effect: drop what memory holds of its row. */
  forgetFact(fact: Fact): void;
  /** Derived facts whose time has come, written behind with this turn's commit. */
  due(now: number): Fact[];
  /** When `due` will next have something, in milliseconds since 1970; Infinity: never. */
  nextDueAt(): number;
  /** The turn is over: nothing tentative is left. */
  settle(): void;
  /** The reply to a command that a turn could not carry out. */
  refuse(command: Command, why: TurnRefusal): Reply;
}

/** The storage of a turn, as the actor's facts and needs go to it. */
export interface TurnStore<Needs, Loaded, Fact, Effect> {
  prefetch(needs: Needs): Promise<Loaded>;
  commit(facts: readonly Fact[]): Promise<Effect[]>;
  /** What a rejection of `prefetch` or `commit` means. */
  failureOf(error: unknown): FailureKind;
}
