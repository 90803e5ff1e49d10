/**
 * GET /healthz: this thread answers. GET /readyz: everything a payment needs answers.
 *
 * @module
 */

import { json, type Route } from '../routes.ts';

/** One part a payment needs. `detail` never holds a secret. */
export interface ReadyCheck {
  ok: boolean;
  detail?: string;
}

export interface HealthDeps {
  /** Looks at every part, each within its own time. A rejection is answered as not ready. */
  checks(): Promise<Readonly<Record<string, ReadyCheck>>>;
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
  let checks: Readonly<Record<string, ReadyCheck>>;
  try {
    checks = await deps.checks();
  } catch (error) {
    deps.onChecksFailed(error);
    return json(503, { ready: false, checks: {} });
  }
  const ready = Object.values(checks).every((check) => check.ok);
  return json(ready ? 200 : 503, { ready, checks });
}
