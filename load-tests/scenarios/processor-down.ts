/**
 * Processor down: for a third of the time the bank cuts its connections and refuses new ones, then it is back. Payments of that time
 * may fail, and must say so; none may be charged twice or be lost; and when the bank is back they go through again.
 *
 * @module
 */

import type { ArrivalOptions } from '../arrivals.ts';
import { evenMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import { type ScenarioDefinition, ScenarioError } from '../scenario.ts';

const AWAY = 'bank away';

export const processorDown: ScenarioDefinition = {
  name: 'processor-down',
  pays: true,
  summary: 'whole payments; for a third of the time the bank refuses connections',
  loads: ['rate', 'concurrency'],
  needsBank: true,
  secondsDefault: 30,
  phases: (seconds) => [
    { name: 'before', seconds: seconds * 0.3, factor: 1 },
    { name: AWAY, seconds: seconds / 3, factor: 1 },
    { name: 'after', seconds: seconds * (0.7 - 1 / 3), factor: 1 },
  ],
  async prepare(context) {
    const { bank } = context;
    if (bank === null) throw new ScenarioError('processor-down needs the bank');
    const payments = openPayments(context, evenMix(context.merchants));
    return {
      async run(load, options, measurement) {
        const { inMs, forMs } = absenceOf(options);
        let sent: Promise<void> = Promise.resolve();
        const timer = setTimeout(() => {
          sent = bank.goAway(forMs);
          // Waited for below; until then it is no unhandled rejection.
          sent.catch(() => undefined);
        }, inMs);
        await payments.run(load, options, measurement);
        clearTimeout(timer);
        await sent;
      },
      close: () => payments.close(),
    };
  },
};

function absenceOf({ phases }: ArrivalOptions): { inMs: number; forMs: number } {
  const at = phases.findIndex(({ name }) => name === AWAY);
  const inMs = phases.slice(0, at).reduce((sum, { seconds }) => sum + seconds * 1000, 0);
  return { inMs, forMs: Math.round((phases[at]?.seconds ?? 0) * 1000) };
}
