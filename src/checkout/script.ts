/**
 * Script: the one script of the checkout pages, put together from `browser/` when the thread starts, and its name by its hash.
 *
 * The files are modules for readers, tests and the linter; the browser gets them as one, in order, without their imports and
 * exports. So there is one file to allow, to check and to list (PCI DSS 6.4.3).
 *
 * @module
 */

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** In an order in which each file uses only those before it. */
const FILES = [
  'card-number.js',
  'send-once.js',
  'card-form.js',
  'one-time-password.js',
  'time-left.js',
  'result.js',
  'main.js',
] as const;

/** The script as bytes are sent. */
export const SCRIPT = `'use strict';\n(() => {\n${FILES.map(bodyOf).join('\n')}})();\n`;

const SCRIPT_HASH = hash('sha256', SCRIPT, 'base64');

/** As in `integrity` and in the policy, without quotes. */
export const SCRIPT_INTEGRITY = `sha256-${SCRIPT_HASH}`;

/** Where it is served; another content has another path. */
export const SCRIPT_PATH = `/checkout/assets/checkout.${hash('sha256', SCRIPT, 'hex').slice(0, 16)}.js`;

/** A file without its comment at the head, imports and export marks. */
function bodyOf(file: string): string {
  return readFileSync(new URL(`./browser/${file}`, import.meta.url), 'utf8')
    .replace(/^\/\*\*[\s\S]*?\*\/\n+/, '')
    .replace(/^import [^;]*;\n+/gm, '')
    .replace(/^export /gm, '');
}
