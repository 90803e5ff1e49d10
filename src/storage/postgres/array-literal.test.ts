import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { bareArray, hexArray, jsonArray, quotedArray } from './array-literal.ts';

let cluster: Cluster;
let client: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(1);
  client = new pg.Client(cluster.services.shards[0]);
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await cluster?.stop();
});

async function readBack(literal: string, type: string, shown = 'x'): Promise<unknown[]> {
  const { rows } = await client.query<{ read: unknown[] }>(
    `select coalesce(json_agg(${shown} order by n), '[]') as read from unnest($1::${type}[]) with ordinality as u(x, n)`,
    [literal],
  );
  return rows[0]!.read;
}

test('texts survive whatever they hold', async () => {
  const awkward = [
    '',
    ' ',
    'NULL',
    'null',
    '"',
    '\\',
    '\\"',
    '{}',
    '{',
    ',',
    'a,b',
    '\n\t',
    '漢🙂',
    "'",
    null,
  ];
  expect(await readBack(quotedArray(awkward), 'text')).toEqual(awkward);
  expect(await readBack(quotedArray([]), 'text')).toEqual([]);
  expect(await readBack(quotedArray([null]), 'text')).toEqual([null]);
});

test('any text survives', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ' ', 'N', 'U', 'L') }),
  );
  // PostgreSQL has no text with U+0000; such a value is refused and told as poisoned.
  const list = fc.array(fc.option(text.map((one) => one.replaceAll('\u0000', ''))), { maxLength: 12 });
  const seed = Date.now() % 2 ** 31;
  console.log(`array literals: seed ${seed}`);
  const property = fc.asyncProperty(list, async (values) => {
    expect(await readBack(quotedArray(values), 'text')).toEqual(values);
  });
  await fc.assert(property, { seed, numRuns: 200 });
});

test('JSON texts survive as values', async () => {
  const values = [{ a: '"\\' }, [], { 'k"{': [1, null] }, { text: 'line\n\t\u0001 漢🙂' }];
  const texts = values.map((value) => JSON.stringify(value));
  expect(await readBack(jsonArray(texts), 'jsonb')).toEqual(values);
  expect(jsonArray(texts)).toBe(quotedArray(texts));
  expect(await readBack(jsonArray([null]), 'jsonb')).toEqual([null]);
});

test('numbers, booleans, ids and bytes', async () => {
  expect(await readBack(bareArray([1, -2.5, null, 2 ** 53 - 1]), 'float8')).toEqual([
    1,
    -2.5,
    null,
    2 ** 53 - 1,
  ]);
  expect(await readBack(bareArray([true, false, null]), 'bool')).toEqual([true, false, null]);
  const id = '0199a3f8d719741ac1d0a3f8d719e4b0';
  expect(await readBack(bareArray([id]), 'uuid', "replace(x::text, '-', '')")).toEqual([id]);
  expect(await readBack(hexArray(['00ff5c22', '']), 'bytea', "encode(x, 'hex')")).toEqual(['00ff5c22', '']);
});
