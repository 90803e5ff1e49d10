/**
 * JSON items as they come, in pieces of any size.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonFormat } from '../connectors/read-settlement.ts';
import { type JsonItem, jsonItems } from './json-items.ts';

const FORMAT: JsonFormat = {
  kind: 'json',
  name: 'test-json',
  required: [],
  rowsIn: [{ member: 'items' }, { member: 'groups', each: 'rows' }],
  faultOf: ({ count = null }, rows) => (count === null || count === rows ? null : 'count'),
  readRow: () => ({ ok: false, detail: '' }),
};

async function itemsOf(text: string, sizes: readonly number[] = [1 << 16]): Promise<JsonItem[]> {
  async function* pieces(): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text);
    for (let at = 0, n = 0; at < bytes.length; n++) {
      const size = sizes[n % sizes.length]!;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }
  const items: JsonItem[] = [];
  for await (const some of jsonItems(pieces(), { name: 'report', format: FORMAT })) items.push(...some);
  return items;
}

test('whatever was written is read again, in pieces of any size, however it is indented', async () => {
  const item = fc
    .dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4, noNullPrototype: true })
    // Numbers that are told as texts have a test of their own.
    .filter((one) => !/[0-9]{16}/.test(JSON.stringify(one)));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 4 }),
      fc.jsonValue({ maxDepth: 2 }),
      sizes,
      fc.constantFrom(undefined, 1, '\t'),
      async (items, other, cuts, indent) => {
        const fields = items.map((one) => JSON.parse(JSON.stringify(one)));
        const texts = [
          items,
          { other, items },
          { items, count: items.length },
          { groups: [{ rows: items }], other },
        ];
        for (const report of texts) {
          const read = await itemsOf(JSON.stringify(report, null, indent), cuts);
          expect(read.map(({ line }) => line)).toEqual(items.map((_, place) => place + 1));
          expect(read.map((one) => one.fields)).toEqual(fields);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('a group’s own members stand beside those of its rows, and the row’s go first', async () => {
  const text = '{"groups":[{"utr":"U1","name":"group","rows":[{"name":"row"}]},{"rows":[{}]}]}';
  expect((await itemsOf(text)).map(({ fields }) => fields)).toEqual([{ utr: 'U1', name: 'row' }, {}]);
});

test('whole numbers that JavaScript would round are told as texts; an item cannot reach a prototype', async () => {
  const [one] = await itemsOf(
    '[{"id":403993715521937565,"__proto__":{"fee":1},"in text":": 4039937155219375651"}]',
  );
  expect(one!.fields).toMatchObject({ id: '403993715521937565', 'in text': ': 4039937155219375651' });
  expect(one!.fields!.fee).toBeUndefined();
  const [row] = await itemsOf('{"groups":[{"__proto__":{"fee":1},"rows":[{}]}]}');
  expect(row!.fields!.fee).toBeUndefined();
  expect(({} as Record<string, unknown>).fee).toBeUndefined();
});

test.each([
  ['[', 'truncated'],
  ['[{}', 'truncated'],
  ['[{},', 'truncated'],
  ['[{"a":"]"', 'truncated'],
  ['{"items":[]', 'truncated'],
  ['{"items":[],"count', 'truncated'],
  ['{"items":[{}],"count":2}', 'truncated'],
  ['[{},]', 'unreadable'],
  ['[,{}]', 'unreadable'],
  ['[{} {}]', 'unreadable'],
  ['[{}:{}]', 'unreadable'],
  ['[}]', 'unreadable'],
  ['{"items" []}', 'unreadable'],
  ['{items:[]}', 'unreadable'],
  ['{"items":[],"items":[]}', 'unreadable'],
  ['{"groups":[7]}', 'unreadable'],
  ['{"other":[]}', 'unreadable'],
  ['7', 'unreadable'],
])('%s is refused as %s', async (text, code) => {
  await expect(itemsOf(text, [1])).rejects.toMatchObject({ name: 'ReportRefused', code });
});
