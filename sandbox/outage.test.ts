/**
 * The outage and the bank's stop, however they cross.
 * @module
 */
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outage } from './outage.ts';

let server: Server;
const failures: Error[] = [];

beforeEach(async () => {
  server = createServer();
  await listen();
});

afterEach(() => {
  vi.useRealTimers();
  server.close();
  expect(failures.splice(0)).toEqual([]);
});

function listen(): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function outageOf(listenAgain: () => Promise<unknown>): Outage {
  return new Outage(server, listenAgain, (error) => failures.push(error));
}

describe('an outage', () => {
  it('does not begin once the bank is being stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const listenAgain = vi.fn(listen);
    const outage = outageOf(listenAgain);
    await outage.stop();
    outage.begin(1);
    expect([server.listening, vi.getTimerCount()]).toEqual([true, 0]);
    expect(listenAgain).not.toHaveBeenCalled();
  });

  it('does not end once the bank is being stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const outage = outageOf(listen);
    outage.begin(1000);
    expect([server.listening, vi.getTimerCount()]).toEqual([false, 1]);
    await outage.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('whose end has begun is waited for by the stop, so that the server can be closed for good', async () => {
    const looksUp = Promise.withResolvers<void>();
    const listenAgain = vi.fn(() => looksUp.promise.then(listen));
    const outage = outageOf(listenAgain);
    outage.begin(1);
    await vi.waitFor(() => expect(listenAgain).toHaveBeenCalledOnce());
    const stopped = outage.stop();
    looksUp.resolve();
    await stopped;
    expect(server.listening).toBe(true);
  });

  it('can begin again when the first has ended', async () => {
    const outage = outageOf(listen);
    for (const _ of [1, 2]) {
      outage.begin(1);
      expect(server.listening).toBe(false);
      await vi.waitFor(() => expect(server.listening).toBe(true));
    }
  });
});
