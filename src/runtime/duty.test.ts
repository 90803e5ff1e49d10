import { expect, test, vi } from 'vitest';
import { createDuty, type Lease } from './duty.ts';

/** A lease that one of several has, by a clock of the test. */
function scene() {
  const state = { now: 1000, holder: '', until: 0, away: false };
  const lease: Lease = {
    async hold(holder, leaseMs) {
      if (state.away) throw new Error('away');
      if (state.holder !== holder && state.until > state.now) return false;
      Object.assign(state, { holder, until: state.now + leaseMs });
      return true;
    },
    release: vi.fn(async (holder: string) => {
      if (state.holder === holder) state.until = 0;
    }),
  };
  return { state, lease, duty: (holder: string) => createDuty(lease, holder, () => state.now) };
}

test('it is ours from the renewal on, and no longer than the lease, also without another word of the database', async () => {
  const { state, duty } = scene();
  const [old, next] = [duty('old'), duty('next')];
  expect(old.held()).toBe(false);
  expect(old.state()).toBe('unsure');
  await old.renew();
  await next.renew();
  expect([old.held(), next.held()]).toEqual([true, false]);
  expect([old.state(), next.state()]).toEqual(['ours', 'anothers']);
  state.now += 4000;
  await old.renew();
  state.now += 4000;
  expect(old.held()).toBe(true);
  state.away = true;
  await expect(old.renew()).rejects.toThrow('away');
  state.now += 1001;
  expect([old.held(), old.state()]).toEqual([false, 'unsure']);
});

test('one that was paused past its lease has lost it before it has asked anybody', async () => {
  const { state, duty } = scene();
  const [old, next] = [duty('old'), duty('next')];
  await old.renew();
  state.now += 60_000;
  expect(old.held()).toBe(false);
  await next.renew();
  await old.renew();
  expect([old.held(), next.held()]).toEqual([false, true]);
});

test('the time the database took to answer is not ours', async () => {
  const { state, lease } = scene();
  const slow = createDuty(
    {
      ...lease,
      async hold(holder, leaseMs) {
        const got = await lease.hold(holder, leaseMs);
        state.now += 4500;
        return got;
      },
    },
    'old',
    () => state.now,
  );
  await slow.renew();
  state.now += 501;
  expect(slow.held()).toBe(false);
});

test('given back it is another’s at once, also when a renewal was under way, and it is not taken again', async () => {
  const { duty, lease, state } = scene();
  const old = duty('old');
  const renewing = old.renew();
  await old.release();
  await renewing;
  expect(lease.release).toHaveBeenCalledWith('old');
  expect([old.held(), state.until]).toEqual([false, 0]);
  await old.renew();
  expect([old.held(), state.until]).toEqual([false, 0]);
});
