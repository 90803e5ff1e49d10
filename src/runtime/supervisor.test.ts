import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../metrics/log.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createMetricRegistry } from '../metrics/registry.ts';
import { ThreadFailed } from './errors.ts';
import { Supervisor, type SupervisorLimits, type ThreadSpec } from './supervisor.ts';
import type { Command, EchoOptions, Word } from './testing/echo.thread.ts';

const ECHO = new URL('./testing/echo.thread.ts', import.meta.url);
const WAIT = { timeout: 15_000, interval: 10 };

type TestSpec = Partial<Omit<ThreadSpec, 'options'>> & { kind: string; options?: Partial<EchoOptions> };

interface Line {
  event: string;
  childThread: string;
  reason?: string;
}

/** Supervises echo threads, with ways to command them and to read what was logged. */
function supervise(specs: TestSpec[], limits: Partial<SupervisorLimits> = {}) {
  const channelName = randomUUID();
  const channel = new BroadcastChannel(channelName);
  const waiting = new Map<number, (answer: unknown) => void>();
  const steps: string[] = [];
  channel.onmessage = (event: unknown) => {
    const word = (event as { data: Command | Word }).data;
    if (!('from' in word)) return;
    if (word.id === 0) steps.push(`${word.from}: ${word.answer}`);
    else waiting.get(word.id)?.(word.answer);
  };
  const lines: Line[] = [];
  const registry = createMetricRegistry('main');
  const ends: Array<[number, boolean]> = [];
  const supervisor = new Supervisor({
    specs: specs.map((spec) => ({
      entry: ECHO,
      peers: [],
      holdsListener: false,
      drainPhase: 1,
      ...spec,
      options: { channel: channelName, ...spec.options },
    })),
    log: createLog('main', { write: (line) => lines.push(JSON.parse(line)) }),
    metrics: createMetrics(registry),
    collectOwn: () => registry.collect(),
    limits: { heartbeatMs: 100, restartDelayMs: 10, ...limits },
    endProcess: (...end) => ends.push(end),
  });
  onTestFinished(async () => {
    await supervisor.stop(1000);
    channel.close();
  });
  let lastId = 0;

  function command(to: string, order: Command['order']): Promise<unknown> {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      channel.postMessage({ to, id, order } satisfies Command);
    });
  }
  return {
    supervisor,
    command,
    steps,
    ends,
    events: (event: string) => lines.filter((line) => line.event === event),
    /** Gives an order that is never answered. */
    order: (to: string, order: Command['order']) => void command(to, order),
    /** Waits until `thread` has died `deaths` times and lives again. */
    reborn: (thread: string, deaths: number) =>
      vi.waitFor(() => {
        const status = supervisor.statuses().find(({ name }) => name === thread);
        expect(status).toMatchObject({ state: 'ready', deaths });
      }, WAIT),
  };
}

const FRONT_AND_BACK: TestSpec[] = [
  { kind: 'front', peers: ['back'] },
  { kind: 'back', heapMbMax: 32 },
];
const ECHO_BACK = { type: 'ask', peer: 'back', service: 'echo', body: 'hello' } as const;

test('threads start, talk to each other, and stop clean', async () => {
  const { supervisor, command } = supervise([
    { kind: 'front', peers: ['back'] },
    { kind: 'back', count: 2 },
  ]);
  await supervisor.start();
  for (const peer of ['back-1', 'back-2']) {
    const answer = await command('front', { type: 'ask', peer, service: 'echo', body: peer });
    expect(answer).toEqual({ ok: true, body: peer });
  }
  expect(await supervisor.stop(5000)).toEqual({ clean: true, late: [], listenersOpen: false });
  expect(supervisor.statuses().map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
});

test.each(['throw', 'reject', 'exit', 'exhaust'] as const)(
  'a thread that dies by %s settles what it owed, and comes back on a fresh channel',
  async (type) => {
    const { supervisor, command, order, reborn } = supervise(FRONT_AND_BACK);
    await supervisor.start();
    const owed = Array.from({ length: 20 }, () =>
      command('front', { type: 'ask', peer: 'back', service: 'never' }),
    );
    await command('front', ECHO_BACK);
    order('back', { type });
    const died = { ok: false, refusal: { code: 'thread_died', detail: expect.stringContaining('back') } };
    expect(await Promise.all(owed)).toEqual(owed.map(() => died));
    await reborn('back', 1);
    expect(await command('front', ECHO_BACK)).toEqual({ ok: true, body: 'hello' });
    expect(await command('front', { type: 'channels' })).toBe(2);
    expect(await supervisor.stop(5000)).toMatchObject({ clean: true });
  },
);

test('a listener thread that breaks closes and ends by itself, and is started anew', async () => {
  const { supervisor, order, reborn, ends } = supervise([{ kind: 'api', holdsListener: true }]);
  await supervisor.start();
  order('api', { type: 'throw' });
  await reborn('api', 1);
  expect(ends).toEqual([]);
});

test('a hung thread is terminated and started anew', async () => {
  const { supervisor, order, reborn, events } = supervise([{ kind: 'back' }], { hungMs: 1000 });
  await supervisor.start();
  order('back', { type: 'hang' });
  await reborn('back', 1);
  expect(events('thread_hung')).toHaveLength(1);
});

test('a hung listener thread ends the process, by force', async () => {
  const { supervisor, order, ends } = supervise([{ kind: 'api', holdsListener: true }], { hungMs: 1000 });
  await supervisor.start();
  order('api', { type: 'hang' });
  await vi.waitFor(() => expect(ends).toEqual([[1, true]]), WAIT);
});

test('a listener that cannot close ends the process, by force', async () => {
  const options = { neverCloses: true };
  const { supervisor, order, ends } = supervise([{ kind: 'api', holdsListener: true, options }]);
  await supervisor.start();
  order('api', { type: 'throw' });
  await vi.waitFor(() => expect(ends).toEqual([[1, true]]), WAIT);
});

test('threads that keep dying end the process, listeners closed first', async () => {
  const { supervisor, order, reborn, ends, steps } = supervise([
    { kind: 'api', holdsListener: true },
    { kind: 'back' },
  ]);
  await supervisor.start();
  for (let deaths = 1; deaths <= 5; deaths++) {
    order('back', { type: 'exit' });
    await reborn('back', deaths);
  }
  order('back', { type: 'exit' });
  await vi.waitFor(() => expect(ends).toEqual([[1, false]]), WAIT);
  expect(steps).toContain('api: drain ends');
});

test('a pause of the whole process is no hang', async () => {
  const { supervisor, events } = supervise([{ kind: 'back' }], { hungMs: 1000 });
  await supervisor.start();
  // This thread stands still, so the heartbeats of the other lie unread, as after SIGSTOP and SIGCONT.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  await vi.waitFor(() => expect(supervisor.statuses()[0]?.heartbeat).not.toBeNull(), WAIT);
  expect(await supervisor.stop(5000)).toMatchObject({ clean: true });
  expect(events('thread_hung')).toEqual([]);
});

test('a thread that fails at start fails the start, by name and reason', async () => {
  const { supervisor } = supervise([{ kind: 'front' }, { kind: 'back', options: { failAtStart: true } }]);
  const started = supervisor.start();
  await expect(started).rejects.toThrow(ThreadFailed);
  await expect(started).rejects.toThrow('thread back: Error: asked to fail at start');
  expect(supervisor.statuses().map(({ state }) => state)).toEqual(['stopped', 'stopped']);
});

test('a thread that is never ready fails the start', async () => {
  const { supervisor } = supervise([{ kind: 'back', options: { neverReady: true } }], {
    startTimeoutMs: 1000,
  });
  await expect(supervisor.start()).rejects.toThrow(ThreadFailed);
});

test('a stop drains phase by phase: listeners, background, shards', async () => {
  const { supervisor, steps } = supervise([
    { kind: 'shard', count: 2, drainPhase: 3 },
    { kind: 'background', drainPhase: 2 },
    { kind: 'api', holdsListener: true, drainPhase: 1, peers: ['shard'] },
  ]);
  await supervisor.start();
  expect(await supervisor.stop(5000)).toMatchObject({ clean: true });
  await vi.waitFor(() => expect(steps).toHaveLength(12), WAIT);
  const drains = steps.filter((step) => !step.endsWith('leaves'));
  expect(drains.slice(0, 4)).toEqual([
    'api: drain begins',
    'api: drain ends',
    'background: drain begins',
    'background: drain ends',
  ]);
  expect(drains.slice(4).every((step) => step.startsWith('shard-'))).toBe(true);
});

test('before the drain all threads know of the stop and go on for the delay, also one that is started anew', async () => {
  const { supervisor, command, order, reborn, steps } = supervise(FRONT_AND_BACK);
  await supervisor.start();
  const stopped = supervisor.stop(20_000, 10_000);
  await vi.waitFor(() => expect(steps.toSorted()).toEqual(['back: leaves', 'front: leaves']), WAIT);
  order('back', { type: 'throw' });
  await reborn('back', 1);
  expect(await command('front', ECHO_BACK)).toEqual({ ok: true, body: 'hello' });
  expect(steps.toSorted()).toEqual(['back: leaves', 'back: leaves', 'front: leaves']);
  supervisor.hurry();
  expect(await stopped).toMatchObject({ clean: true });
});

test('a delay ends by itself, and a start that did not come to its end has none', async () => {
  const { supervisor } = supervise([{ kind: 'back' }]);
  await supervisor.start();
  const from = performance.now();
  expect(await supervisor.stop(20_000, 300)).toMatchObject({ clean: true });
  expect(performance.now() - from).toBeGreaterThanOrEqual(299);
  const half = supervise([{ kind: 'back', options: { neverReady: true } }]);
  const started = half.supervisor.start();
  const since = performance.now();
  await half.supervisor.stop(20_000, 10_000);
  expect(performance.now() - since).toBeLessThan(9000);
  await expect(started).rejects.toThrow(ThreadFailed);
});

test('a stop while the first threads start waits for their listeners, and starts no others', async () => {
  const { supervisor, steps } = supervise([
    { kind: 'api', startPhase: 1, drainPhase: 2, holdsListener: true },
    { kind: 'pci', startPhase: 2, drainPhase: 1, holdsListener: true },
  ]);
  const started = supervisor.start();
  const result = await supervisor.stop(10_000);
  await expect(started).rejects.toThrow(ThreadFailed);
  expect(result).toMatchObject({ late: [], listenersOpen: false });
  expect(supervisor.statuses().map(({ state }) => state)).toEqual(['stopped', 'starting']);
  await vi.waitFor(() => expect(steps).toContain('api: drain ends'), WAIT);
});

test('a drain that does not end is bounded, named, and leaves the others their time', async () => {
  const { supervisor, steps } = supervise([
    { kind: 'background', drainPhase: 1, options: { drainForever: true } },
    { kind: 'api', drainPhase: 1, holdsListener: true, options: { drainForever: true } },
    { kind: 'shard', drainPhase: 2 },
  ]);
  await supervisor.start();
  const result = await supervisor.stop(1500);
  expect(result).toEqual({ clean: false, late: ['background', 'api'], listenersOpen: true });
  await vi.waitFor(() => expect(steps).toContain('shard: drain ends'), WAIT);
});

test('phases of start: the second begins when the first is ready', async () => {
  const { supervisor, events } = supervise([
    { kind: 'second', startPhase: 2 },
    { kind: 'first', startPhase: 1, count: 2 },
  ]);
  await supervisor.start();
  expect(events('thread_ready').at(-1)?.childThread).toBe('second');
});

test('any thread can have the metrics and the status of all', async () => {
  const { supervisor, command } = supervise(FRONT_AND_BACK);
  await supervisor.start();
  await vi.waitFor(
    () => expect(supervisor.statuses().every(({ heartbeat }) => heartbeat !== null)).toBe(true),
    WAIT,
  );
  const page = (await command('front', { type: 'metrics' })) as string;
  for (const thread of ['front', 'back']) {
    expect(page).toMatch(new RegExp(`sluice_loop_lag_seconds\\{quantile="0.99",thread="${thread}"\\} \\d`));
  }
  expect(page.match(/# HELP sluice_loop_lag_seconds/g)).toHaveLength(1);
  expect(await command('front', { type: 'threads' })).toMatchObject([
    { name: 'front', state: 'ready', deaths: 0, heartbeat: { counters: { channels: 1 } } },
    { name: 'back', state: 'ready', deaths: 0 },
  ]);
});
