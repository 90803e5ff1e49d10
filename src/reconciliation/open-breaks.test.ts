/**
 * Open breaks over pretended databases.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createOpenBreaks } from './open-breaks.ts';

test('breaks of a class are added up over all databases, and a database that is away counts as it was last seen', async () => {
  let isAway = false;
  let first = [
    { class: 'twice' as const, count: 2, oldestAt: 200 },
    { class: 'missing_there' as const, count: 1, oldestAt: 50 },
  ];
  const breaks = createOpenBreaks([
    { openBreaks: async () => first },
    {
      openBreaks: async () => {
        if (isAway) throw new Error('away');
        return [{ class: 'twice', count: 3, oldestAt: 100 }];
      },
    },
  ]);
  const both = { count: 5, oldestAt: 100 };
  expect(await breaks.look()).toEqual(
    new Map([
      ['twice', both],
      ['missing_there', { count: 1, oldestAt: 50 }],
    ]),
  );
  isAway = true;
  first = first.slice(0, 1);
  expect(await breaks.look()).toEqual(new Map([['twice', both]]));
});
