/**
 * Group commit: all rows that wait, written by one statement a kind, in one transaction, with one flush of the log.
 *
 * The statements are prepared once. A turn is one write to the socket: bind and execute of each kind, then one Sync, which commits;
 * PostgreSQL never waits for Node inside a transaction. Rows are told when the commit has returned.
 *
 * @module
 */

import pg from 'pg';
import { createPace, type Wake } from './pace.ts';
import { SESSION_SETTINGS } from './statements.ts';

/** One statement over a batch of rows. */
export interface Kind<Row> {
  readonly name: string;
  /** Begins what it gives back with the row's id. */
  readonly text: string;
  /** What it gives back is won by one row alone, though others of the batch have the same id. */
  readonly claims?: true;
  /** One array literal a parameter. */
  values(rows: readonly Row[]): string[];
}

/** What became of a row: the statement's row for it, or that there is none; `failed` when nothing was committed. */
export type Outcome = readonly (string | null)[] | 'none' | 'failed';

export type Done = (outcome: Outcome) => void;

/** Takes rows of one kind. `id` finds the row in what the statement gives back. */
export type Add<Row> = (row: Row, done: Done, id?: string) => void;

/** The rows a statement gave back, by the id they begin with. */
type Returned = Map<string, readonly (string | null)[]>;

interface Queue {
  readonly kind: Kind<never>;
  rows: unknown[];
  dones: Done[];
  ids: (string | undefined)[];
}

export class GroupCommit {
  readonly #client: pg.Client;
  readonly #queues: Queue[] = [];
  readonly #wake: Wake;

  private constructor(client: pg.Client, paceMs: number) {
    this.#client = client;
    this.#wake = createPace(paceMs, () => this.#turn());
  }

  /** Connects and makes the tables. */
  static async open(connectionString: string, schema: string, paceMs: number): Promise<GroupCommit> {
    const client = new pg.Client({ connectionString, options: SESSION_SETTINGS });
    await client.connect();
    await client.query(schema);
    return new GroupCommit(client, paceMs);
  }

  /** Prepares a kind. Kinds are carried out in the order they were opened in. */
  async prepare<Row>(kind: Kind<Row>): Promise<Add<Row>> {
    await this.#client.query({ name: kind.name, text: kind.text, values: kind.values([]) });
    const queue: Queue = { kind: kind as unknown as Kind<never>, rows: [], dones: [], ids: [] };
    this.#queues.push(queue);
    return (row, done, id) => {
      queue.rows.push(row);
      queue.dones.push(done);
      queue.ids.push(id);
      this.#wake();
    };
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #turn(): Promise<boolean> {
    const batches = this.#queues.filter(({ rows }) => rows.length > 0).map((queue) => ({ ...queue }));
    for (const queue of this.#queues) {
      if (queue.rows.length === 0) continue;
      queue.rows = [];
      queue.dones = [];
      queue.ids = [];
    }
    let returned: readonly Returned[] | null;
    try {
      returned = await this.#commit(batches);
    } catch (error) {
      process.stderr.write(`floor: a turn failed: ${(error as Error).message}\n`);
      returned = null;
    }
    for (let at = 0; at < batches.length; at++) {
      const { kind, dones, ids } = batches[at]!;
      for (let i = 0; i < dones.length; i++) {
        if (returned === null) dones[i]!('failed');
        else dones[i]!(take(returned[at]!, ids[i], kind.claims === true));
      }
    }
    return this.#queues.some(({ rows }) => rows.length > 0);
  }

  #commit(batches: readonly Queue[]): Promise<readonly Returned[]> {
    return new Promise((resolve, reject) => {
      this.#client.query(new Turn(batches, resolve, reject) as pg.Submittable);
    });
  }
}

function take(returned: Returned, id: string | undefined, claims: boolean): Outcome {
  const fields = id === undefined ? undefined : returned.get(id);
  if (fields === undefined) return 'none';
  if (claims) returned.delete(id!);
  return fields;
}

/** What pg calls while it sends a query and reads what comes back. */
class Turn {
  readonly #batches: readonly Queue[];
  readonly #resolve: (returned: readonly Returned[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #returned: Returned[];
  #at = 0;

  constructor(
    batches: readonly Queue[],
    resolve: (returned: readonly Returned[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#batches = batches;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#returned = batches.map(() => new Map());
  }

  submit(connection: pg.Connection): void {
    connection.stream.cork();
    for (const { kind, rows } of this.#batches) {
      connection.bind({ statement: kind.name, values: kind.values(rows as never[]) } as never, true);
      connection.execute(null, true);
    }
    connection.sync();
    connection.stream.uncork();
  }

  /** PostgreSQL writes a uuid with dashes. */
  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.#returned[this.#at]!.set(fields[0]!.replaceAll('-', ''), fields);
  }

  handleCommandComplete(): void {
    this.#at += 1;
  }

  /** Only now is it committed. */
  handleReadyForQuery(): void {
    this.#resolve(this.#returned);
  }

  handleError(error: Error): void {
    this.#reject(error);
  }
}
