/**
 * Processor slow: the bank answers as real ones do. Half the answers take 300 ms and more, one in a hundred two seconds and more,
 * and another one in a hundred comes only after the gateway has given up waiting: those end by the bank's callback or our question.
 *
 * @module
 */

import { evenMix } from '../mix.ts';
import { openPayments } from '../payment-flow.ts';
import { type ScenarioDefinition, ScenarioError, steady } from '../scenario.ts';

const ANSWERS = { p50Ms: 300, p99Ms: 2000, lateShare: 0.01 } as const;
/** How long after the gateway's timeout the late answers come. */
const BEYOND_TIMEOUT_MS = 2000;

export const processorSlow: ScenarioDefinition = {
  name: 'processor-slow',
  pays: true,
  summary: 'whole payments, the bank answers lognormally (p50 300 ms, p99 2 s), 1 % beyond the timeout',
  loads: ['rate', 'concurrency', 'max'],
  needsBank: true,
  secondsDefault: 30,
  phases: steady,
  async prepare(context) {
    const { bank, processorTimeoutMs } = context;
    if (bank === null) throw new ScenarioError('processor-slow needs the bank');
    const before = await bank.delay();
    await bank.setDelay({
      lognormal: {
        ...ANSWERS,
        lateMs: processorTimeoutMs + BEYOND_TIMEOUT_MS,
        seed: Math.floor(context.random() * 2 ** 32),
      },
    });
    const payments = openPayments(context, evenMix(context.merchants));
    return {
      async run(load, options, measurement) {
        // Already at the first Ctrl-C, for a second one ends the process at once. If this fails, close tries again and tells.
        let restored: Promise<unknown> | undefined;
        const restore = () => {
          restored = Promise.allSettled([bank.setDelay(before)]);
        };
        options.signal.addEventListener('abort', restore);
        await payments.run(load, options, measurement);
        options.signal.removeEventListener('abort', restore);
        await restored;
      },
      async close() {
        await payments.close();
        await bank.setDelay(before);
      },
    };
  },
};
