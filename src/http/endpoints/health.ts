/**
 * GET /healthz: this thread answers. GET /readyz: work may come, and will be served for a while.
 *
 * One part away that only some work needs is no reason to take a gateway out of its balancer: every other gateway has lost it as well,
 * and then none would be left. Such a part is named, and what needs it is refused.
 *
 * @module
 */

import { json, type Route } from '../routes.ts';

/** One part of the gateway. `detail` never holds a secret. */
export interface ReadyCheck {
  ok: boolean;
  detail?: string;
}

/** What a look at every part found. */
export interface Readiness {
  ready: boolean;
  /** Names of the parts that are away while the gateway is of use without them. */
  degraded: readonly string[];
  checks: Readonly<Record<string, ReadyCheck>>;
}

export interface HealthDeps {
  /** Looks at every part, each within its own time. A rejection is answered as not ready. */
  readiness(): Promise<Readiness>;
  /** Whether the process is about to stop: it serves, and a balancer is to look elsewhere. */
  draining(): boolean;
  onChecksFailed(error: unknown): void;
}

/** Makes the two routes. */
export function healthRoutes(deps: HealthDeps): Route[] {
  const common = { method: 'GET', bodyLimitBytes: 0, contentTypes: [], headers: [] } as const;
  return [
    { ...common, path: '/healthz', name: 'healthz', handler: () => json(200, { status: 'ok' }) },
    { ...common, path: '/readyz', name: 'readyz', handler: () => ready(deps) },
  ];
}

async function ready(deps: HealthDeps): Promise<ReturnType<typeof json>> {
  // Nobody is asked: a balancer is told at once, however slow a database is.
  if (deps.draining()) return notReady(true);
  try {
    const readiness = await deps.readiness();
    return json(readiness.ready ? 200 : 503, { ...readiness, draining: false });
  } catch (error) {
    deps.onChecksFailed(error);
    return notReady(false);
  }
}

function notReady(draining: boolean): ReturnType<typeof json> {
  return json(503, { ready: false, draining, degraded: [], checks: {} });
}
