import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { reportPage } from './report-html.ts';
import { FORMULA, HOSTILE, SAMPLE_REPORT, SAMPLE_RUN } from './testing/sample-report.ts';

const page = reportPage(SAMPLE_REPORT).html;

it('text from outside is text on the page', () => {
  expect(page).not.toContain('<script');
  expect(page).not.toContain(HOSTILE);
  expect(page).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(page).toContain(FORMULA.replaceAll('"', '&quot;'));
});

it('it needs nothing from elsewhere, and its policy allows nothing but its own style', () => {
  expect(page).not.toMatch(/<(?:link|img|iframe|object|script)\b|\b(?:src|href|style|on\w+)=|url\(|@import/);
  const style = /<style>([\s\S]*)<\/style>/.exec(page)![1]!;
  const hash = createHash('sha256').update(style).digest('base64');
  expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;;`);
});

it('every class with its count and share, every sum with its currency, each ledger with its sum', () => {
  expect(page).toContain('21 · under 0.01 %');
  expect(page).toContain('4,850,000,123.00 INR');
  expect(page).toContain('0.00 INR ✓');
  expect(page).toContain('3 open, oldest 31 days');
  expect(page).toContain('a person is to look');
  expect(page.match(/class="id">brk_1_\d/g)).toHaveLength(5);
});

it('a ledger that is not zero is said so', () => {
  const [balance] = SAMPLE_RUN.report!.balances;
  const run = { ...SAMPLE_RUN, report: { ...SAMPLE_RUN.report!, balances: [{ ...balance!, sum: '1' }] } };
  expect(reportPage({ ...SAMPLE_REPORT, run }).html).toContain('0.01 INR: not zero, something is wrong');
});

it('a run that was cut short, and one with nothing in it, have a page too', () => {
  const running = { ...SAMPLE_RUN, state: 'running' as const, report: null, finishedAt: null };
  const cut = reportPage({ ...SAMPLE_REPORT, run: running, badLines: [], breaks: [], open: [] }).html;
  expect(cut).toContain('The same command goes on where it was.');
  const report = {
    rows: 0,
    notYetSettled: 0,
    badLines: 0,
    totals: [],
    balances: [],
    closedTo: '2026-01-18',
  };
  const clean = { made: 0, waiting: 0, refused: 0 };
  const empty = { ...SAMPLE_REPORT, run: { ...SAMPLE_RUN, report }, badLines: [], breaks: [], open: [] };
  const text = reportPage({ ...empty, corrections: clean }).html;
  expect(text).toContain('>clean<');
  expect(text).not.toContain('NaN');
});
