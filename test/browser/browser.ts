/**
 * Browser: Debian's Chromium for tests, and what must hold on every page it opens.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { expect } from 'vitest';

export const WIDTHS = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
} as const;

/** Chromium without what draws its windows: the same pages for two fifths less CPU. Else the whole browser. */
const PROGRAMS = ['chromium-headless-shell', 'chromium'];

/** Starts the browser that bootstrap installs. */
export function startBrowser(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(':');
  const paths = PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name)));
  const executablePath = paths.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error(`none of ${PROGRAMS.join(', ')} is in PATH`);
  const args = ['--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
  return chromium.launch({ executablePath, args });
}

/**
 * A navigation that another one overtakes skips the browser's own passage between two pages (the `@view-transition` of the style), and
 * Chromium says so as an error of a page that never asked (w3c/csswg-drafts issue 13726).
 */
const SKIPPED_TRANSITION = /^AbortError: Transition was skipped/;

/** A page, and what went wrong on it: script errors and refusals of the policy. */
export interface Visit {
  context: BrowserContext;
  page: Page;
  faults: string[];
}

/** Opens a context of its own. Without motion: drawing it is most of what a browser without a graphics card does. */
export async function visit(browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: WIDTHS.phone,
    reducedMotion: 'reduce',
    ...options,
  });
  // For a machine that does other things too.
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    // Chromium reports every 4xx of a page as an error too; those are asked for by the tests.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(message.text());
  });
  page.on('pageerror', (error) => {
    const fault = String(error);
    if (!SKIPPED_TRANSITION.test(fault)) faults.push(fault);
  });
  return { context, page, faults };
}

/** No violation of axe-core's rules on the page as it stands. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(
    "axe.run().then(({violations}) => violations.map(({id, nodes}) => id + ': ' + nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')))",
  );
  expect(violations).toEqual([]);
}

/** The page is no wider than its window. */
export async function expectNoSideways(page: Page): Promise<void> {
  const [wide, window] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as [
    number,
    number,
  ];
  expect(wide).toBeLessThanOrEqual(window);
}
