import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NotAThread } from './errors.ts';
import { threadEntry } from './thread-entry.ts';
import { enterThread } from './thread-guest.ts';

test('an entry run on the main thread is refused', () => {
  expect(() => enterThread()).toThrow(NotAThread);
});

test('an entry is found by its name, in the folder beside runtime', () => {
  const url = threadEntry('shard');
  expect(url.pathname).toMatch(/\/src\/threads\/shard\.thread\.ts$/);
  expect(existsSync(new URL('../', new URL('./', url)))).toBe(true);
});
