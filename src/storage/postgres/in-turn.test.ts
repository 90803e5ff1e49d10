import { expect, it } from 'vitest';
import { createInTurn } from './in-turn.ts';

it('each piece begins when the one before it has ended, well or not', async () => {
  const inTurn = createInTurn();
  const seen: string[] = [];
  const piece = (name: string, fails = false) =>
    inTurn(async () => {
      seen.push(`${name} begins`);
      await new Promise(setImmediate);
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const [first, second, third] = [piece('a'), piece('b', true), piece('c')];
  await expect(second).rejects.toThrow('b');
  expect(await Promise.all([first, third])).toEqual(['a', 'c']);
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});
