/**
 * Fleet: the gateways of a campaign, whose fault points are armed while they run and which are started again when they are dead.
 *
 * @module
 */

import { eventually } from '../support/eventually.ts';
import type { Gateway, World } from '../support/world.ts';

/** A gateway and what is known of its process. */
export interface Ship {
  gateway: Gateway;
  /** Whether its process has ended, by whatever. */
  ended(): boolean;
}

export interface Fleet {
  readonly ships: readonly Ship[];
  /** Milliseconds from each start after the first until `/readyz` answered 200. */
  readonly readyMs: readonly number[];
  /** Kills a gateway by SIGKILL; resolves when its process is gone. */
  kill(ship: Ship): Promise<void>;
  /** Brings every dead gateway back; resolves when they are ready. */
  raise(): Promise<void>;
  /** Resolves when all are ready, but for one whose process has ended. */
  ready(): Promise<void>;
}

const READY_MS = 60_000;
const STRUCK_MS = 60_000;

/** Starts a gateway for each of the settings. The first one hears the bank's callbacks. */
export async function startFleet(world: World, settings: readonly Record<string, string>[]): Promise<Fleet> {
  const ships: Ship[] = [];
  const ended = new WeakSet<Gateway>();
  for (const each of settings) {
    const ship: Ship = {
      gateway: launched(await world.startGateway({ ...each, SLUICE_FAULT_POINTS: 'on-message' })),
      ended: () => ended.has(ship.gateway),
    };
    ships.push(ship);
  }
  const readyMs: number[] = [];

  function launched(gateway: Gateway): Gateway {
    void gateway.ended.then(() => ended.add(gateway));
    return gateway;
  }

  async function kill(ship: Ship): Promise<void> {
    ship.gateway.kill('SIGKILL');
    await ship.gateway.ended;
  }

  async function startAgain(ship: Ship): Promise<void> {
    const from = performance.now();
    ship.gateway = launched(await asOftenAsParent(() => ship.gateway.again()));
    await whenReady(ship);
    readyMs.push(performance.now() - from);
  }

  return {
    ships,
    readyMs,
    kill,
    async raise() {
      for (const ship of ships) if (ship.ended()) await startAgain(ship);
    },
    async ready() {
      await Promise.all(ships.map(whenReady));
    },
  };
}

const STARTS_MAX = 5;

/** `sluice start` starts a gateway again whose start has failed, as where an HSM call outlasts its time on a busy machine. */
async function asOftenAsParent(start: () => Promise<Gateway>): Promise<Gateway> {
  for (let starts = 1; ; starts++) {
    try {
      return await start();
    } catch (error) {
      if (starts === STARTS_MAX) throw error;
    }
  }
}

async function whenReady({ gateway, ended }: Ship): Promise<void> {
  await eventually(
    async () => {
      if (ended()) return;
      const answer = await fetch(`${gateway.opsUrl}/readyz`);
      if (answer.status === 200) return;
      throw new Error(`/readyz answered ${await answer.text()}; its log ends ${gateway.log().slice(-2000)}`);
    },
    { withinMs: READY_MS, everyMs: 20 },
  );
}

/**
 * Arms a fault point of a running gateway in place of what was armed before; resolves when it is.
 * @param spec as in SLUICE_FAULT_POINTS, or `none`
 */
export async function arm({ gateway }: Ship, spec: string): Promise<void> {
  const armed = linesOf(gateway, `fault-armed ${spec}`);
  gateway.send(spec);
  await eventually(
    () => {
      const acknowledged = linesOf(gateway, `fault-armed ${spec}`) - armed;
      if (acknowledged < gateway.processes) throw new Error(`${spec} is not armed`);
    },
    { withinMs: READY_MS, everyMs: 5 },
  );
}

/**
 * Arms a point and waits until the gateway has passed it.
 * @param begin called once the point is armed; when what it returns resolves first, the point was not passed
 * @returns whether it was
 */
export async function strikeAt(
  ship: Ship,
  spec: string,
  begin: () => Promise<unknown> = () => new Promise(() => undefined),
): Promise<boolean> {
  const line = `fault-point ${spec.split('=')[0]}`;
  const before = linesOf(ship.gateway, line);
  await arm(ship, spec);
  let over = false;
  void begin().then(() => {
    over = true;
  });
  const passed = await eventually(
    () => {
      if (linesOf(ship.gateway, line) > before) return true;
      if (over) return false;
      throw new Error(`${spec} was never passed${ship.ended() ? ', and the gateway has ended' : ''}`);
    },
    { withinMs: STRUCK_MS, everyMs: 10 },
  );
  // A point strikes once, but where a gateway is two processes it is armed in both.
  if (passed) ship.gateway.send('none');
  return passed;
}

function linesOf(gateway: Gateway, line: string): number {
  return gateway.log().split(`${line}\n`).length - 1;
}
