/**
 * Deliverer: tells merchants what has become of their payments, from every shard database.
 *
 * @module
 */

import type { WebhookQueue } from '../storage/webhook-deliveries.ts';
import { createDeliveryLane, type DeliveryDeps } from './delivery-lane.ts';
import { createEndpointGates, type GateLimits } from './endpoint-gates.ts';

export interface DelivererDeps extends DeliveryDeps {
  /** One per shard database. */
  queues: readonly WebhookQueue[];
  limits?: Partial<GateLimits>;
}

export interface Deliverer {
  start(): void;
  /** Begins no more tries; resolves when those under way are recorded, or after some seconds without them. */
  stop(): Promise<void>;
  /** Tries under way; events and deliveries that are read and not recorded yet. */
  counters(): { running: number; inHand: number };
}

/** Below the drain's time of a gateway: a try that takes longer is made again by whoever comes next. */
const STOP_MS = 4000;

/** Makes the deliverer of a gateway; it rests until `start`. */
export function createDeliverer(deps: DelivererDeps): Deliverer {
  const gates = createEndpointGates(deps);
  const lanes = deps.queues.map((queue) => createDeliveryLane(queue, gates, deps));
  return {
    start() {
      for (const lane of lanes) lane.start();
    },
    async stop() {
      gates.close();
      await Promise.all(lanes.map((lane) => lane.stop(STOP_MS)));
    },
    counters: () => ({
      running: gates.running(),
      inHand: lanes.reduce((sum, lane) => sum + lane.inHand(), 0),
    }),
  };
}
