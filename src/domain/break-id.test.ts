import { expect, it } from 'vitest';
import { parseBreakId, showBreakId } from './break-id.ts';

it('an id that is shown is read as it was', () => {
  expect(showBreakId({ database: 2, number: 42 })).toBe('brk_2_42');
  expect(parseBreakId('brk_2_42')).toEqual({ database: 2, number: 42 });
});

it.each([
  '',
  'brk_',
  'brk_1',
  'brk_0_1',
  'brk_1_0',
  'brk_01_1',
  'brk_1_2_3',
  'brk_1_-2',
  ' brk_1_2',
  'brk_1_1e3',
])('%j is no id of a break', (text) => {
  expect(parseBreakId(text)).toBeNull();
});
