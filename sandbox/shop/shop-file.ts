/**
 * Shop file: what the shop needs to be a merchant of Sluice at each of its tills, as `sluice start` writes it to `data/demo.json`.
 *
 * It is written after the sandbox has started and again at every start of the parent, with a new key at times. So it is read when
 * it is first needed, looked at again once a second, and at once when a secret in it did not fit.
 * @module
 */

import { readFile, stat } from 'node:fs/promises';
import { isRecord, parseJson } from '../json.ts';
import { type TillName, tillOf, tills } from './tills.ts';

/** The merchant's side of its account at Sluice. Never shown and never logged as a whole: two of the fields are secrets. */
export interface ShopAccount {
  readonly merchantId: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  readonly apiUrl: string;
  readonly checkoutUrl: string;
  readonly sandboxUrl: string;
}

/** The account, or in words what is missing. */
export type ShopFileRead =
  | { readonly ok: true; readonly account: ShopAccount }
  | { readonly ok: false; readonly problem: string };

/** The accounts of the tills, or in words what is missing. */
export type ShopAccountsRead =
  | { readonly ok: true; readonly accounts: ReadonlyMap<TillName, ShopAccount> }
  | { readonly ok: false; readonly problem: string };

const LOOK_AGAIN_MS = 1000;
const FIELDS = [
  'merchantId',
  'secretKey',
  'webhookSecret',
  'apiUrl',
  'checkoutUrl',
  'sandboxUrl',
] as const satisfies readonly (keyof ShopAccount)[];

export class ShopFile {
  readonly #path: string | undefined;
  readonly #clock: () => number;
  #read: ShopAccountsRead | null = null;
  /** Size and times of the file that was read: another file, or other content, has others. */
  #print = '';
  #lookedAt = 0;

  /** @param path of the file; undefined when the sandbox was started without SANDBOX_SHOP_FILE */
  constructor(path: string | undefined, clock: () => number) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The account as the file says; looked at again when the last look is a second old. */
  async account(till: TillName): Promise<ShopFileRead> {
    const now = this.#clock();
    if (this.#read !== null && now - this.#lookedAt < LOOK_AGAIN_MS) return accountOf(this.#read, till);
    return await this.accountAsOfNow(till);
  }

  /** The same, with a look at the file in any case. */
  async accountAsOfNow(till: TillName): Promise<ShopFileRead> {
    return accountOf(await this.#look(), till);
  }

  async #look(): Promise<ShopAccountsRead> {
    const path = this.#path;
    if (path === undefined) {
      return refuse('SANDBOX_SHOP_FILE is not set: the shop does not know which merchant of Sluice it is.');
    }
    this.#lookedAt = this.#clock();
    try {
      const { ino, size, mtimeMs } = await stat(path);
      const print = `${ino} ${size} ${mtimeMs}`;
      if (this.#read === null || print !== this.#print) {
        this.#read = readAccounts(await readFile(path, 'utf8'));
        this.#print = print;
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#print = '';
      this.#read = refuse(
        code === 'ENOENT'
          ? 'The file that SANDBOX_SHOP_FILE names is not there yet. `sluice start` writes it when the databases are up.'
          : `The file that SANDBOX_SHOP_FILE names cannot be read (${code}).`,
      );
    }
    return this.#read;
  }
}

/** Checks the text of the file. What is wrong is named, what it holds is not repeated. */
export function readAccounts(text: string): ShopAccountsRead {
  const value = parseJson(text);
  if (!isRecord(value)) return refuse('The file that SANDBOX_SHOP_FILE names is not a JSON object.');
  const plain = readAccount(value);
  if (!plain.ok) return plain;
  const accounts = new Map<TillName, ShopAccount>([['plain', plain.account]]);
  for (const { name } of tills) {
    const read = isRecord(value.tills) ? readTill(value, value.tills[name]) : undefined;
    if (read?.ok === false) return read;
    if (read !== undefined) accounts.set(name, read.account);
  }
  return { ok: true, accounts };
}

/** A till has a merchant of its own, with secrets under names of their own. Undefined: there is none. */
function readTill(file: Readonly<Record<string, unknown>>, till: unknown): ShopFileRead | undefined {
  if (!isRecord(till)) return undefined;
  const { merchantId, key, hookSecret } = till;
  return readAccount({ ...file, merchantId, secretKey: key, webhookSecret: hookSecret });
}

function accountOf(read: ShopAccountsRead, till: TillName): ShopFileRead {
  if (!read.ok) return read;
  const account = read.accounts.get(till);
  if (account !== undefined) return { ok: true, account };
  return refuse(
    `The file that SANDBOX_SHOP_FILE names has no merchant for ${tillOf(till).title}. \`sluice start\` makes one where the gateway can charge there.`,
  );
}

function readAccount(value: Readonly<Record<string, unknown>>): ShopFileRead {
  for (const field of FIELDS) {
    const found = value[field];
    if (typeof found !== 'string' || found === '') {
      return refuse(`The file that SANDBOX_SHOP_FILE names has no ${field}.`);
    }
    if (field.endsWith('Url') && !/^https?:$/.test(URL.canParse(found) ? new URL(found).protocol : '')) {
      return refuse(`${field} in the file that SANDBOX_SHOP_FILE names is not an http or https URL.`);
    }
  }
  // The client takes another one for a mistake of the program and throws.
  if (!/^whsec_[A-Za-z0-9+/]{4,}={0,2}$/.test(String(value.webhookSecret))) {
    return refuse('webhookSecret in the file that SANDBOX_SHOP_FILE names is not whsec_ and base64.');
  }
  const account = Object.fromEntries(FIELDS.map((field) => [field, value[field]]));
  return { ok: true, account: account as unknown as ShopAccount };
}

function refuse(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}
