/**
 * Duty: a job that one process of many has, for as long as it keeps the job's lease.
 *
 * Promises: whoever asks is told without waiting, by this process's own clock, which runs on while the process is paused; so one that
 * wakes after its lease is over has no duty before it has asked for it again.
 *
 * @module
 */

/** Where the lease is kept, by a clock all processes share. */
export interface Lease {
  /** Becomes or stays the holder for `leaseMs`. False: another is. */
  hold(holder: string, leaseMs: number): Promise<boolean>;
  release(holder: string): Promise<void>;
}

/** `unsure`: our time is over, or was not asked for yet, and we do not know of another who has it. */
export type DutyState = 'ours' | 'unsure' | 'anothers';

export interface Duty {
  state(): DutyState;
  /** Whether it is ours. */
  held(): boolean;
  /** Takes it when nobody has it, keeps it when it is ours. To be called every {@link RENEW_MS}; rejects when the lease cannot be asked for. */
  renew(): Promise<void>;
  /** Gives it back, and takes it no more. */
  release(): Promise<void>;
}

/** A job whose holder has died is another's after this, and at most a renewal more. */
const LEASE_MS = 5000;
/** Between two renewals: two may fail before the lease is over. */
export const RENEW_MS = 1500;

/** @param holder names this process; another one each start */
export function createDuty(lease: Lease, holder: string, monotonicMs: () => number): Duty {
  let heldUntil = 0;
  let anothers = false;
  let over = false;
  const held = (): boolean => heldUntil > monotonicMs();

  return {
    held,
    state: () => (held() ? 'ours' : anothers ? 'anothers' : 'unsure'),
    async renew() {
      if (over) return;
      // From before it was asked for: ours must be over before the lease is.
      const at = monotonicMs();
      const got = await lease.hold(holder, LEASE_MS);
      anothers = !got;
      heldUntil = got && !over ? at + LEASE_MS : 0;
      if (got && over) await lease.release(holder);
    },
    async release() {
      over = true;
      const was = heldUntil;
      heldUntil = 0;
      if (was > 0) await lease.release(holder);
    },
  };
}
