/**
 * Limits hold together, and each bounds something.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assertLimits, LIMITS } from './limits.ts';
import { sourcesOutsideConfig } from './testing/sources.ts';

it('they do not contradict each other', () => {
  expect(() => assertLimits()).not.toThrow();
  expect(() => assertLimits({ ...LIMITS, turnCommandsMax: LIMITS.mailboxSlots + 1 })).toThrow('a turn takes');
  expect(() => assertLimits({ ...LIMITS, paymentsInMemoryMax: LIMITS.turnCommandsMax })).toThrow('in memory');
  expect(() => assertLimits({ ...LIMITS, bodyTimeoutMs: 0.5 })).toThrow('a whole number');
});

it('every limit is read somewhere', () => {
  const bounds = readFileSync(join(import.meta.dirname, 'from-env.ts'), 'utf8');
  const texts = [bounds, ...sourcesOutsideConfig().values()];
  const idle = Object.keys(LIMITS).filter((name) => {
    const read = new RegExp(`\\bLIMITS\\.${name}\\b`);
    return !texts.some((text) => read.test(text));
  });
  expect(idle).toEqual([]);
});
