import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type IntentId, intentIdOf, type TransactionId } from '../domain/ids.ts';
import { INTENT_LIFETIME_MS, nextAttempt } from '../domain/payment-intent.ts';
import { isFinal } from '../domain/transaction.ts';
import { expireIntents } from './expire-intents.ts';
import { resolveAttempt } from './resolve-attempt.ts';
import { createWorld, START, type World, word } from './testing/world.ts';
import { createAttemptWalk, type WalkPace } from './walk.ts';
import { createWatchList, type WatchList } from './watch-list.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A watch list that tells which attempts are on it. */
function createListedWatch(watchedMax: number): { watch: WatchList; listed: Set<TransactionId> } {
  const watch = createWatchList(watchedMax);
  const listed = new Set<TransactionId>();
  return {
    listed,
    watch: {
      ...watch,
      put(attempt, database) {
        const put = watch.put(attempt, database);
        if (put) listed.add(attempt.transactionId);
        return put;
      },
      failed(watched, failedAt, now) {
        listed.delete(watched.transactionId);
        watch.failed(watched, failedAt, now);
      },
      drop(watched) {
        listed.delete(watched.transactionId);
        watch.drop(watched);
      },
    },
  };
}

/** The rooms of recovery without their clockwork; questions are asked at every round, however recent the last. */
function createRounds(world: World, watchedMax: number, pace?: WalkPace) {
  const { watch, listed } = createListedWatch(watchedMax);
  const { deps, scan } = world;
  const walk = createAttemptWalk({ scan, database: 0, watch, now: deps.now, stopped: () => false, pace });
  const lap = { at: null, atMost: '' };
  async function expire(): Promise<void> {
    await expireIntents({
      ...deps,
      scan,
      settledTo: walk.settledTo,
      oldestOpen: () => watch.oldest(0),
      stopping: () => false,
      lap,
    });
  }
  async function resolveDue(): Promise<void> {
    for (let w = watch.takeDue(world.now); w !== null; w = watch.takeDue(world.now)) {
      const resolution = await resolveAttempt(deps, w);
      if (resolution.kind === 'settled') watch.drop(w);
      else if (resolution.kind === 'failed') watch.failed(w, resolution.failedAt, world.now);
      else watch.again(w, world.now + SECOND);
    }
  }
  return {
    watch,
    listed,
    walk,
    expire,
    resolveDue,
    async round() {
      await walk.round();
      await expire();
      await resolveDue();
    },
  };
}

test('A: an unresolved attempt does not keep younger intents from being closed', async () => {
  const world = createWorld();
  const stuck = world.addAttempt(world.addIntent(START));
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  for (let i = 0; i < 50_100; i++) {
    const id = world.addIntent(START + 1 + i);
    world.payments.get(id)!.intent.status = 'SUCCESS';
  }
  const late = world.addIntent(START + 60_000);
  // rows in id order once, so that the pretended scan is not quadratic
  const ids = [...world.payments.keys()].sort();
  world.scan.pendingIntents = async (after, before, limit) => {
    const from = ids.findIndex((id) => id > after);
    const looked = from === -1 ? [] : ids.slice(from, from + limit).filter((id) => id < before);
    const pending = looked.filter((id) => {
      const { intent, attempts } = world.payments.get(id)!;
      return intent.status === 'PENDING' && attempts.every((a) => isFinal(a.status));
    });
    return { rows: pending, next: looked.length === limit ? looked.at(-1)! : null };
  };
  const rounds = createRounds(world, 100);
  world.now = START + 3 * DAY;
  for (let i = 0; i < 10; i++, world.now += 60 * SECOND) await rounds.round();
  expect(isFinal(world.attempt(stuck).status)).toBe(false);
  expect(world.payments.get(late)!.intent.status).toBe('FAILED');
});

test('B: an attempt that ends reopenable while intents are walked does not leave its intent behind', async () => {
  const world = createWorld();
  const id = world.addAttempt(world.addIntent(START));
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  const rounds = createRounds(world, 10);
  world.now = START + 3 * DAY;
  await rounds.walk.round();
  const { pendingIntents } = world.scan;
  world.scan.pendingIntents = async (...window) => {
    const page = await pendingIntents(...window);
    if (world.attempt(id).status === 'SENT') {
      world.hear(id, word('declined', { source: 'callback', referenceClosed: true }));
      await rounds.resolveDue();
    }
    return page;
  };
  for (let i = 0; i < 5; i++, world.now += 60 * SECOND) await rounds.round();
  expect(world.payments.get(intentIdOf(id))!.intent.status).toBe('FAILED');
});

/** The sender of an attempt charged and died: only a question brings it to its end. */
async function resolvesInTheEnd(world: World, rounds: ReturnType<typeof createRounds>, id: TransactionId) {
  checkWatermarks(world, rounds);
  world.bank = async () => ({ kind: 'found', word: word('charged') });
  for (let i = 0; i < 20; i++, world.now += SECOND) await rounds.round();
  expect(world.attempt(id).status).toBe('SUCCESS');
}

test('D: a lap that a full list held up for a day does not pass an attempt that began behind it', async () => {
  const world = createWorld();
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  const [first, ...others] = [0, 1, 2, 3].map((i) => world.addIntent(START + i * SECOND));
  for (const other of others) world.addAttempt(other);
  const rounds = createRounds(world, 2);
  world.now = START + HOUR;
  await rounds.walk.round();
  world.now = START + 20 * HOUR;
  const late = world.addAttempt(first!);
  world.now = START + 27 * HOUR;
  await rounds.round();
  world.bank = async () => ({ kind: 'found', word: word('charged') });
  await rounds.resolveDue();
  await resolvesInTheEnd(world, rounds, late);
});

test('E: nor does a lap that takes a day because of its many rows', async () => {
  const world = createWorld();
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  const intents = Array.from({ length: 30 }, (_, i) => world.addIntent(START + i * SECOND));
  for (const intent of intents.slice(1)) world.addAttempt(intent);
  const rounds = createRounds(world, 100, { pageRows: 1, recentPages: 1, fastLapPages: 1, lapPages: 1 });
  for (let i = 0; i < 20; i++) {
    world.now = START + (i + 1) * HOUR;
    await rounds.walk.round();
  }
  const late = world.addAttempt(intents[0]!);
  for (let i = 20; i < 28; i++) {
    world.now = START + (i + 1) * HOUR;
    await rounds.walk.round();
  }
  await resolvesInTheEnd(world, rounds, late);
});

test('F: a walk that falls behind the rows goes at its fast pace until it has caught up', async () => {
  const world = createWorld();
  const intents = Array.from({ length: 120 }, (_, i) => world.addIntent(START + i * MINUTE));
  for (const intent of intents) world.hear(world.addAttempt(intent), word('charged'));
  const unsettledAttempts = vi.spyOn(world.scan, 'unsettledAttempts');
  const pace = { pageRows: 1, recentPages: 0, fastLapPages: 10, lapPages: 1 };
  const rounds = createRounds(world, 10, pace);
  world.now = START + HOUR;
  for (let i = 0; i < 20; i++) await rounds.walk.round();
  unsettledAttempts.mockClear();
  await rounds.walk.round();
  expect(unsettledAttempts).toHaveBeenCalledTimes(1);
  world.now = START + 29 * HOUR;
  unsettledAttempts.mockClear();
  await rounds.walk.round();
  expect(unsettledAttempts).toHaveBeenCalledTimes(10);
});

test('G: a page that ends between two attempts of an intent does not pass the intent', async () => {
  const world = createWorld();
  world.bank = async () => ({ kind: 'no_answer', detail: '' });
  const intent = world.addIntent(START);
  const declined = word('declined', { source: 'callback', referenceClosed: true });
  world.hear(world.addAttempt(intent), declined);
  world.now = START + 23 * HOUR;
  const second = world.addAttempt(intent);
  const rounds = createRounds(world, 10, { pageRows: 1, recentPages: 1, fastLapPages: 1, lapPages: 1 });
  world.now = START + 26 * HOUR;
  await rounds.round();
  checkWatermarks(world, rounds);
  world.hear(second, declined);
  for (let i = 0; i < 10; i++, world.now += MINUTE) await rounds.round();
  expect(world.payments.get(intent)!.intent.status).toBe('FAILED');
});

type Happening =
  | { what: 'intent' | 'round' | 'restart'; afterMs: number }
  | { what: 'pay'; pick: number; afterMs: number }
  | { what: 'word'; pick: number; said: 'charged' | 'declined' | 'closed'; afterMs: number };
const pause = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20 * SECOND) },
  { weight: 3, arbitrary: fc.nat(3 * HOUR) },
  { weight: 1, arbitrary: fc.nat(DAY) },
);
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('intent' as const), afterMs: pause }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('pay' as const), pick: fc.nat(), afterMs: pause }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('word' as const),
      pick: fc.nat(),
      afterMs: pause,
      said: fc.constantFrom('charged' as const, 'declined' as const, 'closed' as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('round' as const), afterMs: pause }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const), afterMs: pause }) },
) as fc.Arbitrary<Happening>;

/** Pages of 1 to 3 rows, so that a lap takes many rounds. */
const pages = fc.integer({ min: 1, max: 3 });
const pace = fc.record({ pageRows: pages, recentPages: pages, fastLapPages: pages, lapPages: pages });

function happen(world: World, event: Happening): void {
  const all = [...world.payments.values()];
  if (event.what === 'intent') world.addIntent(world.now);
  else if (event.what === 'pay' && all.length > 0) {
    const payment = all[event.pick % all.length]!;
    if ('attempt' in nextAttempt(payment, world.now)) world.addAttempt(payment.intent.paymentIntentId);
  } else if (event.what === 'word') {
    const open = all.flatMap(({ attempts }) => attempts).filter(({ status }) => !isFinal(status));
    if (open.length === 0) return;
    const { transactionId } = open[event.pick % open.length]!;
    const closed = event.said === 'closed';
    world.hear(
      transactionId,
      word(event.said === 'charged' ? 'charged' : 'declined', {
        source: 'callback',
        referenceClosed: closed,
      }),
    );
  }
}

function checkWatermarks(world: World, { walk, listed }: ReturnType<typeof createRounds>): void {
  const attemptsTo = world.progress.get('open-attempts') ?? '';
  const intentsTo = world.progress.get('pending-intents') ?? '';
  for (const { intent, attempts } of world.payments.values()) {
    for (const { transactionId, status } of attempts) {
      if (isFinal(status)) continue;
      expect(transactionId > attemptsTo, 'an open attempt was passed').toBe(true);
      if (transactionId <= walk.settledTo())
        expect(listed.has(transactionId), 'an open attempt is settled and not watched').toBe(true);
    }
    if (world.now - intent.createdAt < INTENT_LIFETIME_MS)
      expect(intent.paymentIntentId > attemptsTo, 'an attempt may still appear').toBe(true);
    if (intent.status === 'PENDING')
      expect(intent.paymentIntentId > intentsTo, 'a pending intent was passed').toBe(true);
  }
}

test('C: no watermark ever passes what is open, and in the end nothing is', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 5, maxLength: 80, size: 'max' }),
      fc.integer({ min: 2, max: 5 }),
      pace,
      async (history, watchedMax, walkPace) => {
        const world = createWorld();
        world.bank = async () => ({ kind: 'no_answer', detail: '' });
        let rounds = createRounds(world, watchedMax, walkPace);
        for (const event of history) {
          world.now += event.afterMs;
          if (event.what === 'round') await rounds.round();
          else if (event.what === 'restart') rounds = createRounds(world, watchedMax, walkPace);
          else happen(world, event);
          checkWatermarks(world, rounds);
        }
        world.bank = async () => ({ kind: 'found', word: word('charged') });
        for (let i = 0; i < 300 && unfinished(world).length > 0; i++, world.now += HOUR) await rounds.round();
        checkWatermarks(world, rounds);
        expect(unfinished(world)).toEqual([]);
      },
    ),
    { numRuns: 400, seed, verbose: 0 },
  );
});

function unfinished(world: World): IntentId[] {
  return [...world.payments.values()]
    .filter(({ intent, attempts }) => intent.status === 'PENDING' || attempts.some((a) => !isFinal(a.status)))
    .map(({ intent }) => intent.paymentIntentId);
}
