/**
 * The types of the client are those of the gateway's OpenAPI document, today.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apiTypes } from './generate.ts';

const written = readFileSync(join(import.meta.dirname, 'api.ts'), 'utf8');

test('api.ts is what the OpenAPI document gives (npm run client writes it)', async () => {
  expect(await apiTypes()).toBe(written);
});

test('it reads as if written: no index signatures, nothing of the compiler', () => {
  expect(written).not.toMatch(/\[k: string\]|JSON-Schema|\bany\b/);
});
