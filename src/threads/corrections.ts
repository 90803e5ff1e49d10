/**
 * Corrections: the background thread's way of what settlement reports have shown to the actors, and a look at what waits.
 *
 * @module
 */

import type { ApplyCorrection, Bus } from '../bus/bus.ts';
import { LIMITS } from '../config/limits.ts';
import { BREAK_CLASSES, CORRECTED_CLASSES } from '../domain/settlement.ts';
import type { AskShard } from '../messages/ask.ts';
import { applyCorrection, createCorrections } from '../reconciliation/corrections.ts';
import { createOpenBreaks } from '../reconciliation/open-breaks.ts';
import type { Trouble } from '../recovery/trouble.ts';
import type { Upkeep } from '../recovery/upkeep.ts';
import { monotonicMs } from '../runtime/clock.ts';
import type { Duty } from '../runtime/duty.ts';
import { randomBytes } from '../runtime/random.ts';
import { createSettlementStores } from '../storage/postgres/settlement-store.ts';
import { StorageError } from '../storage/storage.ts';
import type { GatewayThread } from './gateway.ts';

const ROUND_EVERY_MS = 1000;
const LOOK_EVERY_MS = 10_000;

export interface CorrectionsDesk {
  /** What the bus hands corrections to. */
  correct: ApplyCorrection;
  /** Takes what waits in each database to the bus while its duty is ours, and counts what waits. */
  start(bus: Pick<Bus, 'publishCorrection'>, duties: readonly Duty[], upkeep: Upkeep): void;
  close(): Promise<void>;
}

/** Opens it, with a connection to each shard database. */
export function openCorrections(guest: GatewayThread, ask: AskShard, trouble: Trouble): CorrectionsDesk {
  const { metrics, placement } = guest;
  const { shards } = guest.options.options.databases;
  const stores = createSettlementStores(shards);
  const correct = applyCorrection({
    ask,
    askDeadlineMs: LIMITS.replyTimeoutMs,
    storeOf: (shard) => stores[placement.laneOf(shard).database]!,
    isAway: (error) => error instanceof StorageError,
    now: Date.now,
    randomBytes,
    onClosed: ({ class: kind }, as) => metrics.reconcileCorrections.of(kind, as).add(),
  });
  const open = createOpenBreaks(stores);

  async function lookAtBreaks(): Promise<void> {
    const found = await open.look();
    for (const kind of [...BREAK_CLASSES, ...CORRECTED_CLASSES]) {
      const { count, oldestAt } = found.get(kind) ?? { count: 0, oldestAt: null };
      metrics.reconcileBreaksOpen.of(kind).set(count);
      metrics.reconcileBreaksOldestSeconds.of(kind).set(secondsSince(oldestAt));
    }
  }

  async function lookAtBacklog(database: number): Promise<void> {
    const { waiting, oldestAt } = await stores[database]!.correctionBacklog();
    metrics.reconcileCorrectionsWaiting.of(String(database)).set(waiting);
    metrics.reconcileCorrectionsOldestSeconds.of(String(database)).set(secondsSince(oldestAt));
  }

  return {
    correct,
    start(bus, duties, upkeep) {
      for (const [database, store] of stores.entries()) {
        const { round } = createCorrections({
          store,
          publish: bus.publishCorrection,
          apply: correct,
          isOurs: duties[database]!.held,
          monotonicMs,
          onTrouble: (error) => trouble.note('correction_failed', { database, errorMessage: String(error) }),
        });
        upkeep.every(ROUND_EVERY_MS, round);
        upkeep.every(LOOK_EVERY_MS, () => lookAtBacklog(database));
      }
      upkeep.every(LOOK_EVERY_MS, lookAtBreaks);
    },
    async close() {
      await Promise.all(stores.map((store) => store.end()));
    },
  };
}

function secondsSince(at: number | null): number {
  return at === null ? 0 : Math.max(0, Date.now() - at) / 1000;
}
