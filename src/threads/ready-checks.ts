/**
 * Ready checks: may work come, and what of it will be refused?
 *
 * Without a thread, the control database or any shard database at all there is no use of a gateway. One shard database, the vault or
 * the session store away leaves work for which it is not needed: the gateway stays ready, and says that it is degraded. A session
 * store that must not be used as it is set up is another matter: only its operator can mend that, and nothing goes well until then.
 *
 * @module
 */

import { makeId } from '../domain/ids.ts';
import type { OutcomeCode } from '../domain/outcomes.ts';
import type { Readiness, ReadyCheck } from '../http/endpoints/health.ts';
import type { AskShard } from '../messages/ask.ts';
import { randomBytes } from '../runtime/random.ts';
import type { ControlReader } from '../storage/control.ts';
import { type SessionStore, SessionStoreRefused } from '../storage/sessions.ts';
import type { GatewayThread } from './gateway.ts';

const CHECK_MS = 1000;

/** A part that is looked at for each answer. */
export interface ReadyPart {
  name: string;
  /** Without it the gateway is not ready; else it is degraded. */
  needed: boolean;
  /** Rejects with why it is away; one that does not answer in a second is away too. */
  look(): Promise<void>;
}

export interface ReadyDeps {
  guest: Pick<GatewayThread, 'placement' | 'threadStatuses'>;
  ask: AskShard;
  control: Pick<ControlReader, 'ping'>;
  /** Null where no role needs them. */
  sessions: Pick<SessionStore, 'ping'> | null;
  /** What else this gateway has: a bus, a drain. */
  parts?: readonly ReadyPart[];
}

/** A part as it was found. */
interface Found extends ReadyCheck {
  name: string;
  needed: boolean;
}

/** Makes the look at every part: threads, control database, session store, the database of every lane, the vault. */
export function createReadyChecks(deps: ReadyDeps): () => Promise<Readiness> {
  const { guest, ask, control, sessions, parts = [] } = deps;
  return async () => {
    const found = await Promise.all([
      threadChecks(guest),
      partCheck({ name: 'control', needed: true, look: control.ping }),
      sessions === null ? [] : sessionCheck(sessions),
      laneChecks(guest, ask),
      ...parts.map(partCheck),
    ]);
    return readinessOf(found.flat());
  };
}

function readinessOf(found: readonly Found[]): Readiness {
  const away = found.filter(({ ok }) => !ok);
  return {
    ready: away.every(({ needed }) => !needed),
    degraded: away.filter(({ needed }) => !needed).map(({ name }) => name),
    checks: Object.fromEntries(found.map(({ name, needed: _, ...check }) => [name, check])),
  };
}

async function partCheck({ name, needed, look }: ReadyPart): Promise<Found> {
  return { name, needed, ...(await within(look())) };
}

async function sessionCheck(sessions: NonNullable<ReadyDeps['sessions']>): Promise<Found> {
  let refused = false;
  const asked = sessions.ping().catch((error: unknown) => {
    refused = error instanceof SessionStoreRefused;
    throw error;
  });
  const check = await within(asked);
  return { name: 'sessions', needed: refused, ...check };
}

/** Each lane, and whether any of them has its database. */
async function laneChecks({ placement }: ReadyDeps['guest'], ask: AskShard): Promise<Found[]> {
  const lanes = await Promise.all(placement.lanes.map(({ shards }) => within(laneCheck(ask, shards[0]!))));
  const any = lanes.some(({ ok }) => ok);
  return [
    { name: 'lanes', needed: true, ok: any, ...(!any && { detail: 'no shard database answers' }) },
    ...lanes.map((check, index) => ({ name: `lane_${index}`, needed: false, ...check })),
  ];
}

/**
 * What a lane says that has its database: a payment that never was is looked for, and only the database can say so; or there is too
 * much to do to look for it. A gateway with too much to do is of use, and the others would get its work as well.
 */
const HAS_DATABASE: ReadonlySet<OutcomeCode> = new Set<OutcomeCode>([
  'payment_not_found',
  'overloaded',
  'deadline_passed',
]);
/** Less than a check, so that what waits behind others is refused before the check is over. */
const LANE_DEADLINE_MS = CHECK_MS / 2;

async function laneCheck(ask: AskShard, shard: number): Promise<void> {
  const intentId = makeId(Date.now(), shard, randomBytes(8));
  const reply = await ask(shard, { type: 'find-payment', intentId, merchantId: null }, LANE_DEADLINE_MS);
  if (reply.type === 'refused' && !HAS_DATABASE.has(reply.refusal.code)) throw new Error(reply.refusal.code);
}

async function threadChecks(guest: ReadyDeps['guest']): Promise<Found[]> {
  const statuses = await guest.threadStatuses();
  if (statuses === null)
    return [{ name: 'threads', needed: true, ok: false, detail: 'main does not answer' }];
  // This thread too: the ops port is open before the others.
  const missing = statuses.filter(({ state }) => state !== 'ready').map(({ name }) => name);
  const threads = { name: 'threads', needed: true };
  const pci = statuses.find(({ kind }) => kind === 'pci');
  return [
    missing.length === 0 ? { ...threads, ok: true } : { ...threads, ok: false, detail: missing.join(', ') },
    // Before its first heartbeat it has just sealed and opened a probe.
    ...(pci === undefined
      ? []
      : [{ name: 'vault', needed: false, ok: (pci.heartbeat?.counters.vaultDown ?? 0) === 0 }]),
  ];
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
