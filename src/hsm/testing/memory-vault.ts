/**
 * A vault store in memory, for the tests and the bench of this room. Nothing here is durable.
 *
 * @module
 */

import type { KeyVersionRow, OpeningRow, SealedPage, VaultStore } from '../hsm.ts';

export class MemoryVault implements VaultStore {
  readonly pages = new Map<string, SealedPage>();
  readonly openings: OpeningRow[] = [];
  readonly keys = new Map<number, KeyVersionRow & { sealed: number; retired: boolean }>();
  /** Pages of each append, in order. */
  readonly appends: number[] = [];
  /** Awaited before an append is done: a slow, hanging or failing database. */
  beforeAppend: () => Promise<void> = async () => undefined;
  /** Awaited before an opening is recorded. */
  beforeOpening: () => Promise<void> = async () => undefined;

  async appendPages(pages: SealedPage[]): Promise<void> {
    await this.beforeAppend();
    this.appends.push(pages.length);
    for (const page of pages) this.pages.set(hex(page.pageId), page);
  }

  async readPage(pageId: Uint8Array): Promise<SealedPage | undefined> {
    return this.pages.get(hex(pageId));
  }

  async recordOpening(row: OpeningRow): Promise<void> {
    await this.beforeOpening();
    this.openings.push(row);
  }

  async currentKeyVersion(): Promise<KeyVersionRow | undefined> {
    const live = [...this.keys.values()].filter((key) => key.keyVersion > 0 && !key.retired);
    return live.sort((a, b) => b.keyVersion - a.keyVersion)[0];
  }

  async readKeyVersion(keyVersion: number): Promise<KeyVersionRow | undefined> {
    return this.keys.get(keyVersion);
  }

  async claimKeyVersion(row: KeyVersionRow): Promise<KeyVersionRow> {
    const first = this.keys.get(row.keyVersion);
    if (first !== undefined) return first;
    for (const key of this.keys.values()) {
      if (key.keyVersion > 0 && key.keyVersion < row.keyVersion) key.retired = true;
    }
    this.keys.set(row.keyVersion, { ...row, sealed: 0, retired: false });
    return row;
  }

  async reserveSeals(keyVersion: number, seals: number, sealsMax: number): Promise<boolean> {
    const key = this.keys.get(keyVersion);
    if (key === undefined || key.retired || key.sealed + seals > sealsMax) return false;
    key.sealed += seals;
    return true;
  }

  async close(): Promise<void> {
    this.pages.clear();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
