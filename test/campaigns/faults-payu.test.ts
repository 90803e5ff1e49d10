import { test } from 'vitest';
import { meetEveryFault } from './every-fault.ts';
import { SEED } from './few-trials.ts';

test(`payments meet every fault of the bank as PAYU once (seed ${SEED}): all end as they must, and the records tell one story`, async () => {
  await meetEveryFault('PAYU');
}, 240_000);
