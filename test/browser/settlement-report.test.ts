/**
 * The page of a settlement report in a browser: under its own policy, without a violation that axe-core finds, and no wider than its
 * window, on phone and desktop, light and dark.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reportPage } from '../../src/reconciliation/report-html.ts';
import { HOSTILE, SAMPLE_REPORT } from '../../src/reconciliation/testing/sample-report.ts';
import { expectAccessible, expectNoSideways, startBrowser, visit, WIDTHS } from './browser.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-report-'));
const file = join(folder, 'report.html');
let browser: Browser;

beforeAll(async () => {
  writeFileSync(file, reportPage(SAMPLE_REPORT).html);
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['phone', 'light'],
  ['phone', 'dark'],
  ['desktop', 'light'],
  ['desktop', 'dark'],
] as const)('it is whole on a %s, %s', async (width, colorScheme) => {
  const options = { viewport: WIDTHS[width], colorScheme, bypassCSP: true };
  const { context, page, faults } = await visit(browser, options);
  await page.goto(pathToFileURL(file).href);
  await expectNoSideways(page);
  await expectAccessible(page);
  expect(faults).toEqual([]);
  await context.close();
});

test('its policy lets its style be worn, asks for nothing, and text from outside is read as text', async () => {
  const { context, page, faults } = await visit(browser);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  expect(await page.evaluate('getComputedStyle(document.querySelector("section")).borderTopWidth')).toBe(
    '1px',
  );
  expect(await page.getByText(HOSTILE).count()).toBe(2);
  expect([asked, faults]).toEqual([[pathToFileURL(file).href], []]);
  await context.close();
});

test('bars are as long as what they stand for', async () => {
  const { context, page } = await visit(browser, { viewport: WIDTHS.desktop });
  await page.goto(pathToFileURL(file).href);
  const widths = await page
    .locator('section', { hasText: 'Rows and payments by class' })
    .locator('li', { hasText: /^(Failed here|Unknown, now settled)/ })
    .locator('svg rect:not(.track)')
    .evaluateAll((rects) => rects.map((rect) => rect.getBoundingClientRect().width));
  expect(widths).toHaveLength(2);
  expect(widths[0]! / widths[1]!).toBeCloseTo(120 / 310, 2);
  await context.close();
});
