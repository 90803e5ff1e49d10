/**
 * The vault database: sealed pages, openings, key versions. Keeps the promises of `VaultStore` (hsm/hsm.ts).
 *
 * Pages of a round go in one statement through unnest and are durable when it returns (synchronous_commit is set on
 * the connection, whatever the server says). After a lost connection the statement is run again: a page that is already
 * there is left alone, and an opening may be on record twice but never not at all.
 *
 * @module
 */

import pg from 'pg';
import type { KeyVersionRow, OpeningRow, SealedPage } from '../../domain/sealed-page.ts';
import { serverOf } from './server.ts';

const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 2_000;
/** Gives up on a server that went silent; above the statement timeout, which is the usual end. */
const SILENCE_TIMEOUT_MS = 7_000;

const APPEND_PAGES = `
  insert into vault_pages (page_id, key_version, card_count, iv, ciphertext, created_at)
  select * from unnest($1::uuid[], $2::int[], $3::smallint[], $4::bytea[], $5::bytea[], $6::timestamptz[])
  on conflict (page_id) do nothing`;

const READ_PAGE = `
  select key_version, card_count, iv, ciphertext, created_at from vault_pages where page_id = $1`;

const RECORD_OPENING = `
  insert into vault_audit (page_id, slot, purpose, actor, outcome) values ($1, $2, $3, $4, $5)`;

const CURRENT_KEY_VERSION = `
  select key_version, label, key_id from vault_key_versions
  where key_version > 0 and retired_at is null order by key_version desc limit 1`;

const READ_KEY_VERSION = `
  select key_version, label, key_id from vault_key_versions where key_version = $1`;

const CLAIM_KEY_VERSION = `
  with claimed as (
    insert into vault_key_versions (key_version, label, key_id) values ($1, $2, $3)
    on conflict (key_version) do nothing returning key_version
  )
  update vault_key_versions set retired_at = now()
  where key_version between 1 and $1 - 1 and retired_at is null and exists (select from claimed)`;

const RESERVE_SEALS = `
  update vault_key_versions set pages_sealed = pages_sealed + $2
  where key_version = $1 and retired_at is null and pages_sealed + $2 <= $3`;

/** Opens connections when they are needed, to the database of `migrations/vault`. */
export function createVaultStore(connectionString: string): PostgresVaultStore {
  return new PostgresVaultStore(connectionString);
}

export class PostgresVaultStore {
  readonly #pool: pg.Pool;

  constructor(connectionString: string) {
    this.#pool = new pg.Pool({
      ...serverOf(connectionString),
      application_name: 'sluice-vault',
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: SILENCE_TIMEOUT_MS,
      keepAlive: true,
      options: '-c synchronous_commit=on',
    });
    // An idle connection broke: the pool drops it and the next statement opens another.
    this.#pool.on('error', (error) => {
      process.stderr.write(`vault database connection lost: ${error.message}\n`);
    });
  }

  async appendPages(pages: SealedPage[]): Promise<void> {
    await this.#run('vault-append-pages', APPEND_PAGES, [
      pages.map((page) => uuidOf(page.pageId)),
      pages.map((page) => page.keyVersion),
      pages.map((page) => page.cardCount),
      pages.map((page) => bufferOver(page.iv)),
      pages.map((page) => bufferOver(page.ciphertext)),
      pages.map((page) => page.createdAt),
    ]);
  }

  async readPage(pageId: Uint8Array): Promise<SealedPage | undefined> {
    const { rows } = await this.#run<PageRow>('vault-read-page', READ_PAGE, [uuidOf(pageId)]);
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      pageId,
      keyVersion: row.key_version,
      cardCount: row.card_count,
      iv: Uint8Array.from(row.iv),
      ciphertext: Uint8Array.from(row.ciphertext),
      createdAt: row.created_at,
    };
  }

  async recordOpening(row: OpeningRow): Promise<void> {
    const { pageId, slot, purpose, actor, outcome } = row;
    await this.#run('vault-record-opening', RECORD_OPENING, [uuidOf(pageId), slot, purpose, actor, outcome]);
  }

  async currentKeyVersion(): Promise<KeyVersionRow | undefined> {
    const { rows } = await this.#run<KeyRow>('vault-current-key', CURRENT_KEY_VERSION, []);
    return keyVersionOf(rows[0]);
  }

  async readKeyVersion(keyVersion: number): Promise<KeyVersionRow | undefined> {
    const { rows } = await this.#run<KeyRow>('vault-read-key', READ_KEY_VERSION, [keyVersion]);
    return keyVersionOf(rows[0]);
  }

  async claimKeyVersion(row: KeyVersionRow): Promise<KeyVersionRow> {
    await this.#run('vault-claim-key', CLAIM_KEY_VERSION, [row.keyVersion, row.label, bufferOver(row.keyId)]);
    const winner = await this.readKeyVersion(row.keyVersion);
    if (winner === undefined) throw new Error(`key version ${row.keyVersion} was claimed and is not there`);
    return winner;
  }

  async reserveSeals(keyVersion: number, seals: number, sealsMax: number): Promise<boolean> {
    const { rowCount } = await this.#run('vault-reserve-seals', RESERVE_SEALS, [keyVersion, seals, sealsMax]);
    return rowCount === 1;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /**
   * Runs a statement, and runs it again when its connection broke. After a restart of the server every connection of
   * the pool may be dead, and each repetition discards one: after as many as there are, the next is a new one.
   */
  async #run<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    for (let dead = 0; ; dead++) {
      try {
        return await this.#pool.query<Row>({ name, text, values });
      } catch (error) {
        if (!connectionBroke(error) || dead >= CONNECTIONS_MAX) throw error;
      }
    }
  }
}

interface PageRow {
  key_version: number;
  card_count: number;
  iv: Buffer;
  ciphertext: Buffer;
  created_at: Date;
}

interface KeyRow {
  key_version: number;
  label: string;
  key_id: Buffer;
}

function keyVersionOf(row: KeyRow | undefined): KeyVersionRow | undefined {
  if (row === undefined) return undefined;
  return { keyVersion: row.key_version, label: row.label, keyId: Uint8Array.from(row.key_id) };
}

/** Classes 08 and 57P of SQLSTATE, and errors of the socket, which carry no SQLSTATE. */
function connectionBroke(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (!(error instanceof pg.DatabaseError))
    return /terminated|ECONNRESET|EPIPE|not queryable/.test(error.message);
  return error.code?.startsWith('08') === true || error.code?.startsWith('57P') === true;
}

function uuidOf(pageId: Uint8Array): string {
  return bufferOver(pageId).toString('hex');
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
