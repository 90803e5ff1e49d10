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
    ship.gateway = launched(await ship.gateway.again());
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

async function whenReady({ gateway, ended }: Ship): Promise<void> {
  await eventually(
    async () => {
      if (ended()) return;
      const { status } = await fetch(`${gateway.opsUrl}/readyz`);
      if (status !== 200) throw new Error(`/readyz answered ${status}`);
    },
    { withinMs: READY_MS, everyMs: 20 },
  );
}

/**
 * Arms a fault point of a running gateway in place of what was armed before.
 * @param spec as in SLUICE_FAULT_POINTS, or `none`
 * @returns waits until the gateway has passed it; resolves with false when `until` settles first
 */
export function arm({ gateway }: Ship, spec: string, until?: Promise<unknown>): () => Promise<boolean> {
  const point = spec.split('=')[0]!;
  const struckBefore = timesStruck(gateway, point);
  gateway.child.send(spec);
  return async () => {
    let over = false;
    void until?.finally(() => {
      over = true;
    });
    return await eventually(
      () => {
        if (timesStruck(gateway, point) > struckBefore) return true;
        if (over) return false;
        throw new Error(`${point} was never passed`);
      },
      { withinMs: STRUCK_MS, everyMs: 10 },
    );
  };
}

function timesStruck(gateway: Gateway, point: string): number {
  return gateway.log().split(`fault-point ${point}\n`).length - 1;
}
