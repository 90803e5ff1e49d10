/**
 * Turn: one pass of a lane over its mailbox.
 *
 * Drains what has arrived, reads what is missing, lets the actor decide, commits all facts in one statement,
 * then releases the replies. Nothing that rests on a fact leaves before the commit has returned, so nobody
 * hears of a fact the database does not have. One turn is in flight per lane: the next batch gathers while
 * PostgreSQL works, which is what makes batches grow with load.
 *
 * A command whose facts were not effective (another gateway was first), or that memory alone would refuse, goes
 * into the next turn to be decided from rows read afresh.
 *
 * While storage is silent for too long (`storage-breaker.ts`) what has not begun is refused at once; what has begun is carried to its end.
 *
 * @module
 */

import type { Actor, Decision, TurnRefusal, TurnStore } from './actor.ts';
import type { Timers } from './clock.ts';
import { createMailbox } from './mailbox.ts';
import {
  createStorageBreaker,
  type StorageBreakerOptions,
  type StorageBreakerState,
} from './storage-breaker.ts';

/** The time a turn goes by; `clock.ts` has it. */
export interface TurnClock {
  now(): number;
  monotonicMs(): number;
}

export interface LaneOptions {
  /** Commands that may wait; over it they are refused as overloaded. */
  mailboxMax: number;
  /** Commands of one turn. */
  turnCommandsMax: number;
  /** Longest wait for company before a turn, when commands arrive fast. */
  lingerMsMax: number;
  /** How often a command may be decided again before it is refused as a conflict. */
  triesMax: number;
  /** When commands are refused because storage is silent. Left out: they wait for it. */
  breaker?: StorageBreakerOptions;
}

const PATIENT: StorageBreakerOptions = {
  silentMs: Number.POSITIVE_INFINITY,
  probeMs: Number.POSITIVE_INFINITY,
};

/** What a turn tells of itself, for metrics. */
export interface TurnReport {
  commands: number;
  facts: number;
  lingerMs: number;
  prefetchMs: number;
  commitMs: number;
  /** Commands that go into another turn. */
  again: number;
}

export interface Lane<Command, Reply> {
  /**
   * Puts a command into the mailbox. `settle` is called exactly once.
   * @param deadline monotonic milliseconds after which the command is not begun
   */
  submit(command: Command, deadline: number, settle: (reply: Reply) => void): void;
  /** Commands waiting. */
  depth(): number;
  /** `closed`: storage answers. */
  storage(): StorageBreakerState;
  /** Refuses what is new, finishes what was taken, resolves when all is answered. */
  close(): Promise<void>;
}

interface Item<Command, Reply> {
  command: Command;
  deadline: number;
  settle: (reply: Reply) => void;
  afresh: boolean;
  tries: number;
  /** An earlier try may be in the database: a refusal must not say that nothing was changed. */
  doubt: boolean;
}

/** A command with the facts it has decided. `item` is null for facts written behind. */
interface Proposal<Command, Fact, Effect, Reply> {
  item: Item<Command, Reply> | null;
  facts: Fact[];
  reply: ((effects: readonly Effect[]) => Reply) | null;
}

/** Starts a lane: a mailbox, an actor and one path to one database. */
export function createLane<Command, Needs, Loaded, Fact, Effect extends { effective: boolean }, Reply>(
  actor: Actor<Command, Needs, Loaded, Fact, Effect, Reply>,
  store: TurnStore<Needs, Loaded, Fact, Effect>,
  clock: TurnClock,
  options: LaneOptions,
  report: (turn: TurnReport) => void,
  timers: Timers = globalThis,
): Lane<Command, Reply> {
  type Waiting = Item<Command, Reply>;
  type Proposed = Proposal<Command, Fact, Effect, Reply>;

  const mailbox = createMailbox<Waiting>(options.mailboxMax, clock.monotonicMs);
  const pace = createPace(options.lingerMsMax);
  const breaker = createStorageBreaker(options.breaker ?? PATIENT);
  let again: Waiting[] = [];
  let running = false;
  let closing = false;
  let dueTimer: unknown;
  let silenceTimer: unknown;
  let closed: (() => void) | undefined;

  function submit(command: Command, deadline: number, settle: (reply: Reply) => void): void {
    if (closing) {
      settle(actor.refuse(command, 'shutting_down'));
      return;
    }
    const at = clock.monotonicMs();
    if (breaker.state(at) === 'open') {
      settle(actor.refuse(command, 'unavailable'));
      return;
    }
    pace.arrived(at);
    if (!mailbox.offer({ command, deadline, settle, afresh: false, tries: 0, doubt: false })) {
      settle(actor.refuse(command, 'overloaded'));
      return;
    }
    watchSilence();
    wake();
  }

  /** Nobody waits longer for storage than its breaker says. One timer at a time, and none when nothing waits. */
  function watchSilence(): void {
    const opensAt = breaker.opensAt();
    if (silenceTimer !== undefined || mailbox.size === 0 || opensAt === Number.POSITIVE_INFINITY) return;
    silenceTimer = timers.setTimeout(
      () => {
        silenceTimer = undefined;
        if (breaker.state(clock.monotonicMs()) === 'open') refuseWaiting();
        else watchSilence();
      },
      Math.max(1, Math.ceil(opensAt - clock.monotonicMs())),
    );
  }

  function refuseWaiting(): void {
    for (const item of mailbox.drain(mailbox.size)) refuse(item, 'unavailable');
  }

  function wake(): void {
    if (running) return;
    running = true;
    timers.clearTimeout(dueTimer);
    const lingerMs = again.length > 0 || closing ? 0 : pace.lingerMs(mailbox.size);
    if (lingerMs === 0) timers.setImmediate(() => turn(0));
    else timers.setTimeout(() => turn(lingerMs), lingerMs);
  }

  /** Ends a turn: starts the next one if anything waits, else sleeps until a derived fact is due. */
  function rest(): void {
    running = false;
    const nextDueAt = actor.nextDueAt();
    const waiting = mailbox.size > 0 || again.length > 0;
    if (waiting || (closing && nextDueAt !== Number.POSITIVE_INFINITY)) wake();
    else if (closing) {
      timers.clearTimeout(silenceTimer);
      closed?.();
    } else if (nextDueAt !== Number.POSITIVE_INFINITY) {
      dueTimer = timers.setTimeout(wake, Math.max(1, nextDueAt - clock.now()));
    }
  }

  function turn(lingerMs: number): void {
    runTurn(lingerMs).then(rest, (broken: unknown) => {
      // A broken invariant inside an actor: this thread's memory can no longer be trusted.
      queueMicrotask(() => {
        throw broken;
      });
    });
  }

  async function runTurn(lingerMs: number): Promise<void> {
    const items = drain();
    await carryOut(items, lingerMs);
    if (breaker.turnEnded()) refuseWaiting();
  }

  async function carryOut(items: Waiting[], lingerMs: number): Promise<void> {
    const startedAt = clock.monotonicMs();
    if (!(await prefetch(items))) return;
    const decidingAt = clock.monotonicMs();
    const proposals = decide(items, clock.now());
    const facts = proposals.reduce((sum, proposal) => sum + proposal.facts.length, 0);
    if (facts > 0) await commit(proposals);
    actor.settle();
    report({
      commands: items.length,
      facts,
      lingerMs,
      prefetchMs: decidingAt - startedAt,
      commitMs: clock.monotonicMs() - decidingAt,
      again: again.length,
    });
  }

  /** Takes what waits, decided-again commands first; refuses what waited past its deadline. */
  function drain(): Waiting[] {
    const before = again;
    again = [];
    const now = clock.monotonicMs();
    const commandsMax = breaker.state(now) === 'closed' ? options.turnCommandsMax : 1;
    const items = before.concat(mailbox.drain(commandsMax - Math.min(before.length, commandsMax)));
    return items.filter((item) => {
      // Once begun it is carried to its end: the asker may already be waiting for a commit.
      if (item.tries > 0 || item.deadline >= now) return true;
      refuse(item, 'deadline_passed');
      return false;
    });
  }

  async function prefetch(items: Waiting[]): Promise<boolean> {
    const needs = actor.needs(items);
    if (needs === null) return true;
    try {
      actor.absorb(await heard(store.prefetch(needs)));
      return true;
    } catch (error) {
      failed(items, store.failureOf(error));
      actor.settle();
      return false;
    }
  }

  /** Lets the breaker watch a call to storage. */
  async function heard<Answer>(call: Promise<Answer>): Promise<Answer> {
    breaker.sent(clock.monotonicMs());
    watchSilence();
    try {
      const answer = await call;
      breaker.answered();
      return answer;
    } catch (error) {
      breaker.failed(store.failureOf(error));
      throw error;
    }
  }

  function decide(items: Waiting[], now: number): Proposed[] {
    const proposals: Proposed[] = [];
    for (const item of items) {
      const decision: Decision<Fact, Effect, Reply> = actor.receive(item.command, now, item.afresh);
      if (decision.kind === 'reply') item.settle(decision.reply);
      else if (decision.kind === 'read-first') tryAgain(item);
      else proposals.push({ item, facts: decision.facts, reply: decision.reply });
    }
    // On the way out what is due later is written now.
    const due = actor.due(closing ? Number.POSITIVE_INFINITY : now);
    if (due.length > 0) proposals.push({ item: null, facts: due, reply: null });
    return proposals;
  }

  async function commit(proposals: Proposed[], repeats = 0): Promise<void> {
    const facts = proposals.flatMap((proposal) => proposal.facts);
    let effects: Effect[];
    try {
      effects = await heard(store.commit(facts));
    } catch (error) {
      return await commitFailed(proposals, repeats, error);
    }
    let at = 0;
    for (const proposal of proposals) {
      const own = effects.slice(at, at + proposal.facts.length);
      at += proposal.facts.length;
      release(proposal, own);
    }
  }

  function release({ item, reply, facts }: Proposed, effects: readonly Effect[]): void {
    if (item === null || reply === null) {
      for (const [i, effect] of effects.entries()) if (!effect.effective) actor.forgetFact(facts[i]!);
    } else if (effects.every((effect) => effect.effective)) {
      item.settle(reply(effects));
    } else {
      actor.forget(item.command);
      tryAgain(item);
    }
  }

  async function commitFailed(proposals: Proposed[], repeats: number, error: unknown): Promise<void> {
    const kind = store.failureOf(error);
    if (kind === 'repeat' && repeats < options.triesMax) return await commit(proposals, repeats + 1);
    if ((kind === 'poisoned' || kind === 'halfway' || kind === 'fenced') && proposals.length > 1) {
      // The row at fault fails alone: the halves hold the rest.
      const middle = proposals.length >> 1;
      await commit(proposals.slice(0, middle));
      return await commit(proposals.slice(middle));
    }
    for (const { item, facts } of proposals)
      if (item === null) for (const fact of facts) actor.forgetFact(fact);
    failed(
      proposals.flatMap((proposal) => (proposal.item === null ? [] : [proposal.item])),
      kind,
    );
  }

  /** A failure of storage: what may have been committed is looked at again, the rest is refused. */
  function failed(items: Waiting[], kind: TurnRefusal): void {
    for (const item of items) {
      actor.forget(item.command);
      if (kind === 'uncertain') item.doubt = true;
      if (kind === 'uncertain' || kind === 'repeat' || kind === 'halfway') tryAgain(item, kind);
      else refuse(item, kind);
    }
  }

  function tryAgain(item: Waiting, last: TurnRefusal = 'conflict'): void {
    item.afresh = true;
    item.tries++;
    if (item.tries > options.triesMax) refuse(item, last);
    else again.push(item);
  }

  function refuse(item: Waiting, why: TurnRefusal): void {
    item.settle(actor.refuse(item.command, item.doubt ? 'uncertain' : why));
  }

  function close(): Promise<void> {
    return new Promise((resolve) => {
      closing = true;
      closed = resolve;
      wake();
    });
  }

  return {
    submit,
    depth: () => mailbox.size + again.length,
    storage: () => breaker.state(clock.monotonicMs()),
    close,
  };
}

/** Below this many commands expected within the longest linger, waiting gathers no company worth its delay. */
const COMPANY_MIN = 4;
/** At this many a turn lingers its full time: the cost of a row no longer falls much (design 2: 26 µs a row at 15, 8 at 100). */
const COMPANY_FULL = 48;
/** Weight of the newest gap between arrivals in the moving average. */
const GAP_WEIGHT = 0.02;

/** How long to wait for company, by the rate of arrival. */
function createPace(lingerMsMax: number) {
  let gapMs = Number.POSITIVE_INFINITY;
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    arrived(at: number): void {
      const gap = Math.min(at - lastAt, 1000);
      lastAt = at;
      gapMs = gapMs === Number.POSITIVE_INFINITY ? gap : gapMs + (gap - gapMs) * GAP_WEIGHT;
    },
    lingerMs(waiting: number): number {
      const company = lingerMsMax / gapMs;
      if (company < COMPANY_MIN || waiting >= company * 2) return 0;
      return Math.max(1, Math.round(lingerMsMax * Math.min(1, company / COMPANY_FULL)));
    },
  };
}
