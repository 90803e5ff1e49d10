/**
 * Create intent: POST /v1/payment/intent alone, each with its own amount, order and key.
 *
 * @module
 */

import { evenMix } from '../mix.ts';
import { type ScenarioDefinition, steady } from '../scenario.ts';
import { openRequests } from '../single-request.ts';
import { fieldOf } from '../wire.ts';

export const createIntent: ScenarioDefinition = {
  name: 'create-intent',
  pays: false,
  summary: 'POST /v1/payment/intent, answered 201',
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  async prepare(context) {
    const { record, wire } = context;
    const mix = evenMix(context.merchants);
    return openRequests(context, {
      step: 'intent',
      method: 'POST',
      status: 201,
      begin: () => record.begin(performance.now(), mix()),
      text: (place) => wire.createIntent(record.merchantOf(place), record.orderOf(place)),
      loose: (place) => wire.looseIntent(record.merchantOf(place), record.orderOf(place)),
      heard(place, { status, body }) {
        const nowMs = performance.now();
        if (status === 201) record.intentOk(place, fieldOf(body, '"paymentIntentId":"').slice(3), nowMs);
        else if (status >= 400 && status !== 500) record.intentRefused(place, nowMs);
      },
    });
  },
};
