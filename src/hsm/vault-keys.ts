/**
 * Vault keys: which key seals now, and how often it may still.
 *
 * Any number of gateways share one token and one vault database. Whoever needs a key makes a candidate in the token
 * and claims its version in SQL; the row that was first wins, and losers destroy their candidate. Seals are counted
 * in SQL before they are made, in blocks, so the count is never below the truth and no row is hot. A key near
 * `keySealsMax` (2^31: with random 96-bit IVs the chance of a repeated IV is then below 2^-34) is replaced.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import type { HsmOptions, KeyVersionRow, VaultStore } from './hsm.ts';
import type { KeyName, KeyPurpose } from './keyring.ts';
import type { VaultPool } from './vault-pool.ts';

export const FINGERPRINT_KEY_VERSION = 0;
const KEY_SEALS_MAX = 2 ** 31;
/** Seals reserved at once: one statement in minutes, and little lost when a process dies. */
const SEAL_BLOCK = 65_536;

export interface SealingKey {
  key: KeyName;
  keyVersion: number;
}

export class VaultKeys {
  readonly #pool: VaultPool;
  readonly #vault: VaultStore;
  readonly #sealsMax: number;
  readonly #sealBlock: number;
  /** Keys by version; one entry a version. */
  readonly #known = new Map<number, KeyName>();
  #current: SealingKey | undefined;
  #reserved = 0;
  #refill: Promise<void> | undefined;

  constructor(options: HsmOptions, pool: VaultPool, vault: VaultStore) {
    this.#pool = pool;
    this.#vault = vault;
    this.#sealsMax = options.keySealsMax ?? KEY_SEALS_MAX;
    this.#sealBlock = Math.max(1, Math.min(SEAL_BLOCK, Math.floor(this.#sealsMax / 8)));
  }

  /** Version that seals now; 0 before the first. */
  get currentVersion(): number {
    return this.#current?.keyVersion ?? 0;
  }

  /** The fingerprint key, made on the first start of a vault. */
  async fingerprintKey(): Promise<KeyName> {
    const row =
      (await this.#vault.readKeyVersion(FINGERPRINT_KEY_VERSION)) ??
      (await this.#make(FINGERPRINT_KEY_VERSION, 'sluice-fingerprint', 'fingerprint'));
    return nameOf(row);
  }

  /** A key with room for so many seals, which are counted from here on whether they are made or not. */
  async sealingKey(seals: number): Promise<SealingKey> {
    if (seals > this.#sealsMax) throw new RangeError(`${seals} seals at once, ${this.#sealsMax} a key`);
    while (this.#current === undefined || this.#reserved < seals) {
      this.#refill ??= this.#reserve(seals).finally(() => {
        this.#refill = undefined;
      });
      await this.#refill;
    }
    this.#reserved -= seals;
    return this.#current;
  }

  /** The key of a page; undefined when the database knows no such version. */
  async keyOf(keyVersion: number): Promise<KeyName | undefined> {
    const known = this.#known.get(keyVersion);
    if (known !== undefined) return known;
    const row = await this.#vault.readKeyVersion(keyVersion);
    if (row === undefined) return undefined;
    this.#known.set(keyVersion, nameOf(row));
    return nameOf(row);
  }

  async #reserve(seals: number): Promise<void> {
    const block = Math.max(seals, this.#sealBlock);
    let row = (await this.#vault.currentKeyVersion()) ?? (await this.#makeSealingKey(1));
    while (!(await this.#vault.reserveSeals(row.keyVersion, block, this.#sealsMax))) {
      row = await this.#makeSealingKey(row.keyVersion + 1);
    }
    this.#current = { key: nameOf(row), keyVersion: row.keyVersion };
    this.#reserved = block;
  }

  async #makeSealingKey(keyVersion: number): Promise<KeyVersionRow> {
    return await this.#make(keyVersion, `sluice-vault-v${keyVersion}`, 'seal');
  }

  async #make(keyVersion: number, label: string, purpose: KeyPurpose): Promise<KeyVersionRow> {
    const candidate = { keyVersion, label, keyId: Uint8Array.from(randomBytes(16)) };
    await this.#pool.run('once', () => ({ task: { type: 'create-key', key: nameOf(candidate), purpose } }));
    const winner = await this.#vault.claimKeyVersion(candidate);
    if (Buffer.compare(winner.keyId, candidate.keyId) !== 0) {
      await this.#pool.run('once', () => ({ task: { type: 'destroy-key', key: nameOf(candidate) } }));
    }
    return winner;
  }
}

function nameOf(row: KeyVersionRow): KeyName {
  return { label: row.label, id: row.keyId };
}
