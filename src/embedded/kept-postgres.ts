/**
 * Kept postgres: the embedded server, started again on its port whenever it ends unasked.
 *
 * Its backends may outlive a killed postmaster for a moment and hold its shared memory; a start is refused as long, and is tried again.
 *
 * @module
 */
import { EmbeddedError } from './embedded-error.ts';
import { pause, pauseUnless, WATCH_INTERVAL_MS } from './pause.ts';
import { type EmbeddedPostgres, findRunningPostgres, startPostgres, stopPostgres } from './postgres.ts';
import { isRunning } from './process-identity.ts';

/** How the server is kept. */
export interface KeptPostgresOptions {
  readonly dataDir: string;
  /** Default: that of the last start, or a free one. */
  readonly port?: number;
  readonly restartDelayMs: number;
  readonly restartDelayMsMax: number;
  /** Called after every start. */
  readonly onChange: (postgres: EmbeddedPostgres) => void;
  readonly say: (text: string) => void;
}

/** See the module's header. */
export class KeptPostgres {
  readonly #options: KeptPostgresOptions;
  #stopping = false;
  #watch: Promise<void> | undefined;

  constructor(options: KeptPostgresOptions) {
    this.#options = options;
  }

  /** Starts or adopts the server. */
  async start(): Promise<EmbeddedPostgres> {
    const { dataDir, port } = this.#options;
    const postgres = await startPostgres({ dataDir, ...(port !== undefined && { port }) });
    if (this.#stopping) {
      await postgres.stop();
      throw new EmbeddedError('stopped', 'PostgreSQL was stopped while it started');
    }
    this.#options.onChange(postgres);
    this.#watch = this.#keep(postgres);
    return postgres;
  }

  /** Shuts it down, at once and roughly when it takes longer than `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    await this.#watch;
    // Asked of the folder, not of memory: a start that still waits for the server has not told its pid yet.
    const identity = findRunningPostgres(this.#options.dataDir);
    if (identity !== undefined) await stopPostgres(identity, timeoutMs);
  }

  async #keep(first: EmbeddedPostgres): Promise<void> {
    const { dataDir, onChange, restartDelayMs, restartDelayMsMax, say } = this.#options;
    let delayMs = restartDelayMs;
    let running = first;
    while (!this.#stopping) {
      await pause(WATCH_INTERVAL_MS);
      if (this.#stopping) return;
      if (isRunning(running.identity)) {
        delayMs = restartDelayMs;
        continue;
      }
      say(`PostgreSQL has ended; starting it again in ${delayMs} ms (its log: ${dataDir}/log)`);
      await pauseUnless(() => this.#stopping, delayMs);
      delayMs = Math.min(delayMs * 2, restartDelayMsMax);
      if (this.#stopping) return;
      try {
        running = await startPostgres({ dataDir, port: first.port });
        onChange(running);
        say('PostgreSQL runs again');
      } catch (error) {
        if (!(error instanceof EmbeddedError)) throw error;
        say(error.message);
      }
    }
  }
}
