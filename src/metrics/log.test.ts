import { expect, test } from 'vitest';
import { createLog, errorFields, type LogFields } from './log.ts';

const PAN = '4111111111111111';

/** Logs once and gives the line. */
function logged(fields: object): string {
  const lines: string[] = [];
  createLog('pci', { write: (line) => lines.push(line) })('warn', 'something_happened', fields as LogFields);
  return lines.join('');
}

test('a line has its level, event, thread, time and listed fields', () => {
  expect(JSON.parse(logged({ processor: 'SANDBOX', count: 3, code: null }))).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    thread: 'pci',
    event: 'something_happened',
    processor: 'SANDBOX',
    count: 3,
    code: null,
  });
});

test.each([
  ['a field that is not listed', { pan: PAN }],
  ['an object in a listed field', { detail: { number: PAN } }],
  ['a number in a listed field', { count: Number(PAN) }],
  ['free text', { detail: `no card ${PAN} here` }],
  ['grouped digits', { errorMessage: 'card 4111 1111-1111 1111 refused' }],
  ['a plain field', { code: PAN }],
  ['an error', errorFields(new Error(`invalid input: "${PAN}"`))],
])('no card number gets out through %s', (_, fields) => {
  expect(logged(fields)).not.toMatch(/\d(?:[ -]?\d){11}/);
});

test('what was dropped is counted', () => {
  expect(JSON.parse(logged({ pan: PAN, body: {}, code: 'x' }))).toMatchObject({
    code: 'x',
    droppedFields: 2,
  });
});

test('ids stay whole, even with long runs of digits', () => {
  const id = 'pi_01990000000070008000000000000000';
  expect(JSON.parse(logged({ intentId: id })).intentId).toBe(id);
});

test('long texts are cut', () => {
  expect(JSON.parse(logged({ detail: 'x'.repeat(2000) })).detail).toHaveLength(501);
});
