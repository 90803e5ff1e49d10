import { expect, test } from 'vitest';
import type { Actor, FailureKind, TurnStore } from './actor.ts';
import { createLane, type LaneOptions, type TurnReport } from './turn.ts';

/** A counter per name: `add` changes it, `read` must be read first. Enough to see a turn at work. */
interface Command {
  name: string;
  add: number;
}
interface Change {
  name: string;
  from: number;
  to: number;
}

class Failure extends Error {
  readonly kind: FailureKind;
  constructor(kind: FailureKind) {
    super(kind);
    this.kind = kind;
  }
}

function createCounters(): Actor<
  Command,
  string[],
  Map<string, number>,
  Change,
  { effective: boolean },
  string
> {
  let memory = new Map<string, number>();
  return {
    needs: (commands) => {
      const names = commands
        .filter(({ command, afresh }) => afresh || !memory.has(command.name))
        .map(({ command }) => command.name);
      return names.length === 0 ? null : names;
    },
    absorb: (loaded) => {
      memory = new Map([...memory, ...loaded]);
    },
    receive: ({ name, add }) => {
      const from = memory.get(name) ?? 0;
      if (add === 0) return { kind: 'reply', reply: `${name} is ${from}` };
      memory.set(name, from + add);
      return {
        kind: 'facts',
        facts: [{ name, from, to: from + add }],
        reply: () => `${name} became ${from + add}`,
      };
    },
    forget: ({ name }) => void memory.delete(name),
    forgetFact: ({ name }) => void memory.delete(name),
    due: () => [],
    nextDueAt: () => Number.POSITIVE_INFINITY,
    settle: () => undefined,
    refuse: ({ name }, why) => `${name} refused: ${why}`,
  };
}

function createWorld(limits: Partial<LaneOptions> = {}) {
  const rows = new Map<string, number>();
  const commits: Change[][] = [];
  const failures: FailureKind[] = [];
  let gate: Promise<void> = Promise.resolve();
  const store: TurnStore<string[], Map<string, number>, Change, { effective: boolean }> = {
    prefetch: async (names) => new Map(names.map((name) => [name, rows.get(name) ?? 0])),
    commit: async (changes) => {
      const failure = failures.shift();
      if (failure !== undefined) throw new Failure(failure);
      if (changes.some((change) => change.name === 'poison')) throw new Failure('poisoned');
      await gate;
      commits.push([...changes]);
      return changes.map(({ name, from, to }) => {
        const effective = (rows.get(name) ?? 0) === from;
        if (effective) rows.set(name, to);
        return { effective };
      });
    },
    failureOf: (error) => (error as Failure).kind,
  };
  const time = { now: 0 };
  const clock = { now: () => time.now, monotonicMs: () => time.now };
  const options = { mailboxMax: 100, turnCommandsMax: 50, lingerMsMax: 0, triesMax: 3, ...limits };
  const turns: TurnReport[] = [];
  const lane = createLane(createCounters(), store, clock, options, (turn) => turns.push(turn));
  return {
    rows,
    commits,
    failures,
    time,
    turns,
    lane,
    ask: (name: string, add: number, deadline = 1000) =>
      new Promise<string>((resolve) => lane.submit({ name, add }, deadline, resolve)),
    holdCommits: () => {
      let open: () => void = () => undefined;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
  };
}

test('nothing is answered before its commit has returned', async () => {
  const world = createWorld();
  const release = world.holdCommits();
  let answered = false;
  const reply = world.ask('a', 1).then((text) => {
    answered = true;
    return text;
  });
  await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
  expect(answered).toBe(false);
  release();
  expect(await reply).toBe('a became 1');
});

test('what arrives while a commit runs goes into the next one, together', async () => {
  const world = createWorld();
  const release = world.holdCommits();
  const first = world.ask('a', 1);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const others = Array.from({ length: 20 }, (_, i) => world.ask(`b${i}`, 1));
  release();
  await Promise.all([first, ...others]);
  expect(world.commits.map((changes) => changes.length)).toEqual([1, 20]);
});

test('a command that lost its compare-and-set is decided again from the row', async () => {
  const world = createWorld();
  await world.ask('a', 1);
  world.rows.set('a', 10);
  expect(await world.ask('a', 5)).toBe('a became 15');
});

test('a row at fault fails alone', async () => {
  const world = createWorld();
  const names = ['a', 'b', 'c', 'poison', 'd', 'e'];
  const replies = await Promise.all(names.map((name) => world.ask(name, 1)));
  expect(replies).toEqual([
    'a became 1',
    'b became 1',
    'c became 1',
    'poison refused: poisoned',
    'd became 1',
    'e became 1',
  ]);
});

test.each<[FailureKind[], string]>([
  [['repeat', 'repeat'], 'a became 1'],
  [['uncertain'], 'a became 1'],
  [['halfway', 'halfway'], 'a became 1'],
  [['unavailable'], 'a refused: unavailable'],
  [['lock_timeout'], 'a refused: lock_timeout'],
  [['fenced'], 'a refused: fenced'],
  [['uncertain', 'uncertain', 'uncertain', 'uncertain'], 'a refused: uncertain'],
  [['halfway', 'halfway', 'halfway', 'halfway'], 'a refused: halfway'],
])('storage failing with %j: %s', async (failures, reply) => {
  const world = createWorld();
  world.failures.push(...failures);
  expect(await world.ask('a', 1)).toBe(reply);
});

test('a full mailbox refuses by name, and a command past its deadline is not begun', async () => {
  const world = createWorld({ mailboxMax: 2 });
  const replies = [world.ask('a', 1), world.ask('b', 1, -1), world.ask('c', 1)];
  expect(await Promise.all(replies)).toEqual([
    'a became 1',
    'b refused: deadline_passed',
    'c refused: overloaded',
  ]);
});

test('a closing lane finishes what it took and refuses what is new', async () => {
  const world = createWorld();
  const taken = [world.ask('a', 1), world.ask('b', 1)];
  const closed = world.lane.close();
  expect(await world.ask('c', 1)).toBe('c refused: shutting_down');
  await closed;
  expect(await Promise.all(taken)).toEqual(['a became 1', 'b became 1']);
});

test('a lone command does not linger; a stream of them does', async () => {
  const world = createWorld({ lingerMsMax: 5 });
  await world.ask('a', 1, Number.POSITIVE_INFINITY);
  await new Promise(setImmediate);
  expect(world.turns.map((turn) => turn.lingerMs)).toEqual([0]);
  for (let i = 0; i < 400; i++) {
    world.time.now += 0.1;
    await world.ask(`s${i % 7}`, 1, Number.POSITIVE_INFINITY);
    await new Promise(setImmediate);
    if (i > 300 && (world.turns.at(-1)?.lingerMs ?? 0) > 0) break;
  }
  expect(world.turns.at(-1)!.lingerMs).toBeGreaterThan(0);
});

const BREAKER = { silentMs: 20, probeMs: 5 };

/** Lets what is due in the event loop happen. */
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('while storage is silent what waits is refused and what is new is not taken; what has begun is carried to its end', async () => {
  const world = createWorld({ breaker: BREAKER });
  const release = world.holdCommits();
  const begun = world.ask('a', 1);
  await tick();
  const waiting = world.ask('b', 1);
  world.time.now = 20;
  expect(await waiting).toBe('b refused: unavailable');
  expect(await world.ask('c', 1)).toBe('c refused: unavailable');
  expect([world.lane.storage(), world.lane.depth()]).toEqual(['open', 0]);
  release();
  expect(await begun).toBe('a became 1');
  expect(await world.ask('c', 1)).toBe('c became 1');
  expect(world.lane.storage()).toBe('closed');
});

test('what comes before storage is silent for too long waits for its answer', async () => {
  const world = createWorld({ breaker: BREAKER });
  const release = world.holdCommits();
  const begun = world.ask('a', 1);
  await tick();
  world.time.now = 19;
  const waiting = world.ask('b', 1);
  release();
  expect(await Promise.all([begun, waiting])).toEqual(['a became 1', 'b became 1']);
});

test('after a call without an answer one command goes alone, and who waits shares its fate', async () => {
  const world = createWorld({ breaker: BREAKER, triesMax: 0 });
  world.failures.push('uncertain');
  expect(await world.ask('a', 1)).toBe('a refused: uncertain');
  await tick();
  expect(world.lane.storage()).toBe('half_open');
  world.failures.push('uncertain');
  expect(await Promise.all([world.ask('b', 1), world.ask('c', 1), world.ask('d', 1)])).toEqual([
    'b refused: uncertain',
    'c refused: unavailable',
    'd refused: unavailable',
  ]);
  expect(await Promise.all([world.ask('e', 1), world.ask('f', 1)])).toEqual(['e became 1', 'f became 1']);
  expect(world.commits.map((changes) => changes.length)).toEqual([1, 1]);
  await tick();
  expect(world.lane.storage()).toBe('closed');
});
