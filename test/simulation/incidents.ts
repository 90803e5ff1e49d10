/**
 * Incidents: what befalls whole threads, gateways, clocks and databases, at moments drawn over the time of a run.
 *
 * @module
 */

import type { World } from './world.ts';

const PAUSE_MS = [200, 240_000] as const;
const DOWN_MS = [100, 20_000] as const;
const OUTAGE_MS = [50, 15_000] as const;
/** Steps of a wall clock: mostly seconds, now and then an hour. */
const STEP_MS = [-20_000, 20_000] as const;
const LARGE_STEP_MS = [-3_600_000, 3_600_000] as const;

/** Plans the incidents of a run over its first `spanMs`. */
export function planIncidents(world: World, spanMs: number): void {
  const { scheduler, random, between, faults, gateways, databases, trace } = world;
  const anyOf = <Part>(parts: readonly Part[]): Part => parts[Math.floor(random() * parts.length)]!;
  const plan = (count: number, run: () => void): void => {
    for (let n = 0; n < count; n++) scheduler.after(random() * spanMs, run);
  };

  plan(faults.threadDeaths, () => anyOf(gateways).killThread(random()));
  plan(faults.gatewayDeaths, () => anyOf(gateways).kill(between(DOWN_MS)));
  plan(faults.pauses, () => {
    const { host } = anyOf(gateways);
    if (host.paused) return;
    trace.note('paused', host.name);
    host.pause();
    // Long pauses are the fewest, or nothing else would happen.
    const ms = PAUSE_MS[0] * (PAUSE_MS[1] / PAUSE_MS[0]) ** random();
    scheduler.after(ms, () => {
      trace.note('resumed', host.name);
      host.resume();
    });
  });
  plan(faults.clockSteps, () => {
    const { host } = anyOf(gateways);
    host.wallOffsetMs = Math.round(between(random() < 0.1 ? LARGE_STEP_MS : STEP_MS));
    trace.note('clock stepped', host.name, String(host.wallOffsetMs));
  });
  plan(faults.outages, () => {
    const database = anyOf(databases);
    trace.note('database down', String(database.index));
    database.fail(between(OUTAGE_MS));
  });
}
