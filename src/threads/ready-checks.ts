/**
 * Ready checks: does everything a payment needs answer?
 *
 * @module
 */

import { makeId } from '../domain/ids.ts';
import type { ReadyCheck } from '../http/endpoints/health.ts';
import type { AskShard } from '../messages/ask.ts';
import { randomBytes } from '../runtime/random.ts';
import type { ControlReader } from '../storage/control.ts';
import type { SessionStore } from '../storage/sessions.ts';
import type { GatewayThread } from './gateway.ts';

const CHECK_MS = 1000;

export interface ReadyDeps {
  guest: GatewayThread;
  ask: AskShard;
  control: ControlReader;
  sessions: SessionStore;
}

/** Makes the checks: every thread, the control database, the session store, the database of every lane, the vault. */
export function createReadyChecks({
  guest,
  ask,
  control,
  sessions,
}: ReadyDeps): () => Promise<Record<string, ReadyCheck>> {
  return async () => {
    const [threads, controlCheck, sessionCheck, ...lanes] = await Promise.all([
      threadCheck(guest),
      within(control.ping()),
      within(sessions.ping()),
      ...guest.placement.lanes.map((lane) => laneCheck(ask, lane.shards[0]!)),
    ]);
    const shards = Object.fromEntries(lanes.map((check, index) => [`lane_${index}`, check]));
    return { ...threads, control: controlCheck, sessions: sessionCheck, ...shards };
  };
}

/** A payment that never was is looked for: only its database can say so. */
async function laneCheck(ask: AskShard, shard: number): Promise<ReadyCheck> {
  const intentId = makeId(Date.now(), shard, randomBytes(8));
  const asking = ask(shard, { type: 'find-payment', intentId, merchantId: null }, CHECK_MS).then((reply) => {
    if (reply.type === 'refused' && reply.refusal.code !== 'payment_not_found')
      throw new Error(reply.refusal.code);
  });
  return await within(asking);
}

async function threadCheck(guest: GatewayThread): Promise<Record<string, ReadyCheck>> {
  const statuses = await guest.threadStatuses();
  if (statuses === null) return { threads: { ok: false, detail: 'main does not answer' } };
  const missing = statuses
    .filter(({ state, name }) => state !== 'ready' && name !== guest.name)
    .map(({ name }) => name);
  const pci = statuses.find(({ kind }) => kind === 'pci');
  return {
    threads: missing.length === 0 ? { ok: true } : { ok: false, detail: missing.join(', ') },
    // Before its first heartbeat it has just sealed and opened a probe.
    ...(pci !== undefined && { vault: { ok: (pci.heartbeat?.counters.vaultDown ?? 0) === 0 } }),
  };
}

async function within(asked: Promise<void>): Promise<ReadyCheck> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ReadyCheck>((resolve) => {
    timer = setTimeout(resolve, CHECK_MS, { ok: false, detail: 'no answer in time' });
  });
  const answered = asked.then(
    (): ReadyCheck => ({ ok: true }),
    (error: Error): ReadyCheck => ({ ok: false, detail: error.message }),
  );
  const check = await Promise.race([answered, late]);
  clearTimeout(timer);
  return check;
}
