import { expect, it } from 'vitest';
import { createProgressShow } from './progress.ts';

function watched(columns?: number) {
  const drawn: string[] = [];
  const said: string[] = [];
  const clock = { ms: 0 };
  const show = createProgressShow({
    terminal: columns === undefined ? undefined : { columns, write: (text) => drawn.push(text) },
    err: (text) => said.push(text),
    now: () => clock.ms,
  });
  return { show, drawn, said, clock };
}

const bare = (text: string): string => text.replace('\r\u001b[2K', '');

it('a bar has the phase, percent, rows a second and the time left at the recent rate', () => {
  const { show, drawn, clock } = watched(100);
  for (const [ms, done] of [
    [0, 0],
    [1000, 10],
    [2000, 20],
    // Twice as fast from here on: what is recent counts.
    [3000, 40],
    [4000, 60],
  ] as const) {
    clock.ms = ms;
    show.show({ phase: 'reading', done, total: 400, rows: done * 100 });
  }
  expect(bare(drawn.at(-1)!)).toBe(
    'reading  [####..........................]  15 %  1,500 rows/s  23 s left',
  );
  clock.ms = 12_000;
  show.show({ phase: 'reading', done: 260, total: 400, rows: 26_000 });
  expect(bare(drawn.at(-1)!)).toMatch(/ 65 % {2}2,500 rows\/s {2}6 s left$/);
});

it('between what is heard the time left goes on, and at the end of a phase the time it takes to be finished', () => {
  const { show, drawn, clock } = watched(100);
  show.show({ phase: 'comparing', done: 0, total: 10, rows: 1000 });
  clock.ms = 1000;
  show.show({ phase: 'comparing', done: 1, total: 10, rows: 1000 });
  expect(bare(drawn.at(-1)!)).toMatch(/ 100 rows\/s {2}9 s left$/);
  clock.ms = 4000;
  show.tick();
  expect(bare(drawn.at(-1)!)).toMatch(/ 100 rows\/s {2}6 s left$/);
  show.show({ phase: 'comparing', done: 10, total: 10, rows: 1000 });
  clock.ms = 7000;
  show.tick();
  expect(bare(drawn.at(-1)!)).toMatch(/ 100 % {2}finishing, 3 s$/);
});

it('it is drawn at most ten times a second, and taken away at the end', () => {
  const { show, drawn, clock } = watched(100);
  for (; clock.ms < 1000; clock.ms += 5) {
    show.show({ phase: 'comparing', done: clock.ms, total: 1000, rows: 1000 });
    show.tick();
  }
  expect(drawn.length).toBe(10);
  show.end();
  expect(drawn.at(-1)).toBe('\r\u001b[2K');
  clock.ms += 1000;
  show.tick();
  expect(drawn.length).toBe(11);
});

it.each([10, 40, 60, 200])('it is never wider than a terminal of %i columns', (columns) => {
  const { show, drawn, clock } = watched(columns);
  show.show({ phase: 'comparing', done: 1, total: 3, rows: 9_999_999 });
  clock.ms = 1000;
  show.show({ phase: 'comparing', done: 2, total: 3, rows: 9_999_999 });
  for (const text of drawn) expect(bare(text).length).toBeLessThan(columns);
});

it('without a terminal there is a line every five seconds, and none for what is short', () => {
  const { show, said, clock } = watched();
  for (; clock.ms <= 11_000; clock.ms += 100) {
    show.show({ phase: 'reading', done: clock.ms, total: 22_000, rows: clock.ms });
    show.tick();
  }
  show.end();
  expect(said).toEqual(['reading, 22 %, 1,000 rows/s, 17 s left', 'reading, 45 %, 1,000 rows/s, 12 s left']);
});

it('the next phase begins with a rate of its own, and an empty report is no division by zero', () => {
  const { show, drawn, clock } = watched(100);
  show.show({ phase: 'reading', done: 0, total: 0, rows: 0 });
  expect(bare(drawn.at(-1)!)).toContain('100 %');
  clock.ms = 1000;
  show.show({ phase: 'comparing', done: 0, total: 2, rows: 100 });
  expect(bare(drawn.at(-1)!)).toMatch(/^comparing {2}\[\.+\] {2}0 %$/);
});
