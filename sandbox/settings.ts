/**
 * The settings of the sandbox, read from the environment and checked all at once.
 * @module
 */

import { readFileSync } from 'node:fs';
import type { AccountForm } from './account-form.ts';
import { ACCOUNT_FORMS } from './account-forms.ts';
import type { Account, DialectName } from './dialect.ts';
import { DELAY_MAX_MS } from './faults.ts';
import { isRecord, parseJson } from './json.ts';

export interface Settings {
  /** Loopback only. @default 127.0.0.1 */
  readonly host: string;
  /** 0 asks the system for a port. @default 9400 */
  readonly port: number;
  readonly dataDir: string;
  readonly accounts: readonly Account[];
  /** How long every charge answer waits. @default 0 */
  readonly delayMs: number;
  /** How long after a charge its callback leaves. @default 50 */
  readonly callbackDelayMs: number;
  /** How long a shopper may take on the bank's page or in the UPI app. @default 300000 */
  readonly challengeMs: number;
  /** Whether an answer waits until the book is on the disk itself. @default true */
  readonly durable: boolean;
  /** The merchant's side, for the demo shop; read when it is needed. Undefined: the shop is closed. */
  readonly shopFile: string | undefined;
}

const LOOPBACK = /^(localhost|::1|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})$/;

/** Reads `SANDBOX_*`. Every fault is named; secrets are not repeated. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): { readonly ok: true; readonly settings: Settings } | { readonly ok: false; readonly problems: string[] } {
  const problems: string[] = [];
  const integer = (name: string, fallback: number, max: number): number => {
    const text = environment[name] ?? String(fallback);
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value <= max) return value;
    problems.push(`${name}: an integer from 0 to ${max} is needed`);
    return fallback;
  };
  const host = environment.SANDBOX_HOST ?? '127.0.0.1';
  if (!LOOPBACK.test(host)) problems.push('SANDBOX_HOST: the sandbox listens on loopback only');
  const dataDir = environment.SANDBOX_DATA_DIR ?? '';
  if (dataDir === '') problems.push('SANDBOX_DATA_DIR: a directory is needed');
  const fsync = environment.SANDBOX_FSYNC ?? 'on';
  if (fsync !== 'on' && fsync !== 'off') problems.push('SANDBOX_FSYNC: on or off is needed');
  const settings: Settings = {
    host,
    port: integer('SANDBOX_PORT', 9400, 65_535),
    dataDir,
    accounts: readAccounts(environment.SANDBOX_ACCOUNTS, problems),
    delayMs: integer('SANDBOX_DELAY_MS', 0, DELAY_MAX_MS),
    callbackDelayMs: integer('SANDBOX_CALLBACK_DELAY_MS', 50, DELAY_MAX_MS),
    challengeMs: integer('SANDBOX_CHALLENGE_MS', 300_000, DELAY_MAX_MS),
    durable: fsync === 'on',
    shopFile: environment.SANDBOX_SHOP_FILE === '' ? undefined : environment.SANDBOX_SHOP_FILE,
  };
  return problems.length === 0 ? { ok: true, settings } : { ok: false, problems };
}

function readAccounts(text: string | undefined, problems: string[]): Account[] {
  const list = parseAccounts(text);
  if (!list.ok) {
    problems.push(`SANDBOX_ACCOUNTS: ${list.detail}`);
    return [];
  }
  const accounts = list.items.flatMap((item, index) => readAccount(item, index, problems) ?? []);
  for (const field of ['account', 'secretKey', 'keyId'] as const) {
    const words = accounts.flatMap((account) => account[field] ?? []);
    if (new Set(words).size < words.length) {
      problems.push(`SANDBOX_ACCOUNTS: two accounts have the same ${field}`);
    }
  }
  return accounts;
}

function parseAccounts(
  text: string | undefined,
): { readonly ok: true; readonly items: unknown[] } | { readonly ok: false; readonly detail: string } {
  if (text === undefined || text === '') return { ok: false, detail: 'a JSON array or @file is needed' };
  let json = text;
  if (text.startsWith('@')) {
    try {
      json = readFileSync(text.slice(1), 'utf8');
    } catch (error) {
      return {
        ok: false,
        detail: `${text.slice(1)} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      };
    }
  }
  const items = parseJson(json);
  if (!Array.isArray(items) || items.length === 0)
    return { ok: false, detail: 'a JSON array of accounts is needed' };
  return { ok: true, items };
}

function readAccount(item: unknown, index: number, problems: string[]): Account | null {
  const name = `SANDBOX_ACCOUNTS[${index}]`;
  if (!isRecord(item)) {
    problems.push(`${name}: an object is needed`);
    return null;
  }
  const { dialect = 'plain', callbackUrl } = item;
  if (!isDialect(dialect)) {
    problems.push(`${name}.dialect: must be one of ${Object.keys(ACCOUNT_FORMS).join(', ')}`);
    return null;
  }
  const form = ACCOUNT_FORMS[dialect];
  const before = problems.length;
  const word = (field: keyof AccountForm['words']): string => {
    const { fits, wanted } = form.words[field]!;
    if (!fits(item[field])) problems.push(`${name}.${field}: must be ${wanted}`);
    return String(item[field]);
  };
  const account = word('account');
  const keyId = form.words.keyId === undefined ? undefined : word('keyId');
  const secretKey = word('secretKey');
  const webhookSecret = word('webhookSecret');
  const clash = form.clash?.({ secretKey, webhookSecret }) ?? null;
  if (clash !== null) problems.push(`${name}.${clash[0]}: must be ${clash[1]}`);
  const url = typeof callbackUrl === 'string' && URL.canParse(callbackUrl) ? new URL(callbackUrl) : null;
  if (url === null || url.protocol !== 'http:' || url.username !== '') {
    problems.push(`${name}.callbackUrl: must be an http: URL`);
    return null;
  }
  const options = readOptions(item, form, name, problems);
  if (problems.length > before) return null;
  return { dialect, account, keyId, secretKey, webhookSecret, callbackUrl: url, options };
}

/** The options that are said. One that only another dialect knows would do nothing, and is refused. */
function readOptions(
  item: Readonly<Record<string, unknown>>,
  { options }: AccountForm,
  name: string,
  problems: string[],
): Readonly<Record<string, unknown>> {
  const said = Object.entries(item).filter(([field]) => OPTIONS.has(field));
  for (const [field, value] of said) {
    const option = options[field];
    if (option === undefined) problems.push(`${name}.${field}: is no option of this dialect`);
    else if (!option.fits(value)) problems.push(`${name}.${field}: must be ${option.wanted}`);
  }
  return Object.fromEntries(said);
}

/** The names of every dialect's options. */
const OPTIONS: ReadonlySet<string> = new Set(
  Object.values(ACCOUNT_FORMS).flatMap(({ options }) => Object.keys(options)),
);

function isDialect(value: unknown): value is DialectName {
  return typeof value === 'string' && Object.hasOwn(ACCOUNT_FORMS, value);
}
