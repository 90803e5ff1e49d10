/**
 * Kept process: a child in a session of its own that is started again whenever it ends unasked.
 *
 * Its output goes to a file, not to a pipe of ours: a child that writes to a pipe whose reader was killed would die of it, and
 * a gateway must outlive its parent. The file is where its ready line is looked for, too; a program that is not ours and writes none
 * is asked in another way. Delays between restarts double
 * up to a bound and fall back to the first after a while of health.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { EmbeddedError } from './embedded-error.ts';
import { pause, pauseUnless, WATCH_INTERVAL_MS } from './pause.ts';
import {
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  signalProcess,
  waitForEnd,
} from './process-identity.ts';

/** How a kept process is run. */
export interface KeptProcessOptions {
  /** Name for messages. */
  readonly name: string;
  readonly executable: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** A start that has said nothing for this long has failed. */
  readonly readyTimeoutMs: number;
  /** Whether it is ready now, for a program without a ready line. Default: its ready line is looked for. */
  readonly isReady?: () => Promise<boolean>;
  readonly restartDelayMs: number;
  readonly restartDelayMsMax: number;
  /** Up this long counts as healthy: the next restart is a prompt one again. */
  readonly restartHealthyMs: number;
  /** Called at every start of a process, before it is ready, and at its end with undefined. */
  readonly onChange: (identity: ProcessIdentity | undefined) => void;
  /** Tells people what happened. */
  readonly say: (text: string) => void;
}

/** The line a child writes to standard output when it is ready. */
export interface ReadyLine {
  readonly ready: true;
  readonly port?: number;
}

/** One bounded log per child: past this it is copied aside once and begun anew. */
const LOG_BYTES_MAX = 32 * 1024 * 1024;
const TAIL_BYTES = 2000;
const READY_SCAN_BYTES_MAX = 1024 * 1024;

/** See the module's header. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  #identity: ProcessIdentity | undefined;
  #stopping = false;
  /** The first start; settled once that is ready or has failed. */
  #starting: Promise<ReadyLine> | undefined;
  /** The loop that watches and restarts; settles after `stop`. */
  #watch: Promise<void> | undefined;

  constructor(options: KeptProcessOptions) {
    this.#options = options;
  }

  /** The process that runs now. */
  get identity(): ProcessIdentity | undefined {
    return this.#identity;
  }

  /** Starts it and waits until it is ready. A first start that fails is not repeated: it rejects with the end of the log. */
  async start(): Promise<ReadyLine> {
    const starting = this.#launch();
    this.#starting = starting;
    const ready = await starting;
    this.#watch = this.#keep();
    return ready;
  }

  /** Asks it to end, and kills it when it has not within `timeoutMs`. Nothing is started after this was called. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    await this.#end(timeoutMs);
    // A start or restart under way sees the mark and gives up; the process it had made by then is ended here.
    await Promise.allSettled([this.#starting, this.#watch]);
    await this.#end(timeoutMs);
    this.#identity = undefined;
  }

  async #end(timeoutMs: number): Promise<void> {
    const identity = this.#identity;
    if (identity === undefined || !signalProcess(identity, 'SIGTERM')) return;
    if (await waitForEnd(identity, timeoutMs)) return;
    this.#options.say(`${this.#options.name} did not end within ${timeoutMs} ms and is killed`);
    signalProcess(identity, 'SIGKILL');
    await waitForEnd(identity, 2000);
  }

  async #keep(): Promise<void> {
    const { name, restartDelayMs, restartDelayMsMax, restartHealthyMs, say } = this.#options;
    let delayMs = restartDelayMs;
    while (!this.#stopping) {
      const upSince = performance.now();
      await this.#untilEnded();
      if (this.#stopping) return;
      this.#options.onChange(undefined);
      if (performance.now() - upSince >= restartHealthyMs) delayMs = restartDelayMs;
      say(`${name} has ended; starting it again in ${delayMs} ms (its log: ${this.#options.logFile})`);
      await pauseUnless(() => this.#stopping, delayMs);
      delayMs = Math.min(delayMs * 2, restartDelayMsMax);
      if (this.#stopping) return;
      try {
        await this.#launch();
        say(`${name} runs again`);
      } catch (error) {
        if (!(error instanceof EmbeddedError)) throw error;
        say(error.message);
      }
    }
  }

  async #launch(): Promise<ReadyLine> {
    const { args, env, executable, logFile, name } = this.#options;
    trimLog(logFile);
    const log = openSync(logFile, 'a', 0o600);
    const offset = statSync(logFile).size;
    const child = spawn(executable, args, { env, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('spawn', () => resolve(child.pid as number));
      child.once('error', (cause) => {
        reject(new EmbeddedError('process_failed', `${name} could not be run: ${cause.message}`, { cause }));
      });
    });
    this.#identity = identifyProcess(pid);
    if (this.#identity === undefined) throw this.#failed('ended at once', offset);
    this.#options.onChange(this.#identity);
    return this.#untilReady(this.#identity, offset);
  }

  async #untilReady(identity: ProcessIdentity, offset: number): Promise<ReadyLine> {
    const deadline = performance.now() + this.#options.readyTimeoutMs;
    for (;;) {
      // Alive is asked first: whatever a process wrote before its end is then in the file.
      const alive = isRunning(identity);
      const ready = await this.#readiness(offset);
      if (ready !== undefined) return ready;
      if (!alive) throw this.#failed('ended before it was ready', offset);
      if (this.#stopping) throw this.#failed('was stopped before it was ready', offset);
      if (performance.now() >= deadline) {
        signalProcess(identity, 'SIGKILL');
        throw this.#failed(`was not ready within ${this.#options.readyTimeoutMs} ms`, offset);
      }
      await pause(20);
    }
  }

  async #readiness(offset: number): Promise<ReadyLine | undefined> {
    const { isReady, logFile } = this.#options;
    if (isReady !== undefined) return (await isReady()) ? { ready: true } : undefined;
    return findReadyLine(readFrom(logFile, offset, READY_SCAN_BYTES_MAX));
  }

  async #untilEnded(): Promise<void> {
    for (let round = 1; this.#identity !== undefined && isRunning(this.#identity); round += 1) {
      if (round % 300 === 0) trimLog(this.#options.logFile);
      await pause(WATCH_INTERVAL_MS);
    }
  }

  #failed(what: string, offset: number): EmbeddedError {
    const { logFile, name } = this.#options;
    const size = statSync(logFile).size;
    const tail = readFrom(logFile, Math.max(offset, size - TAIL_BYTES), TAIL_BYTES).trim();
    return new EmbeddedError('process_failed', `${name} ${what}; its log ${logFile} ends:\n${tail}`);
  }
}

/** The first line of `text` that says ready. */
export function findReadyLine(text: string): ReadyLine | undefined {
  for (const line of text.split('\n').slice(0, -1)) {
    if (!line.startsWith('{"ready":true')) continue;
    return JSON.parse(line) as ReadyLine;
  }
  return undefined;
}

function readFrom(file: string, offset: number, bytesMax: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, Math.min(bytesMax, statSync(file).size - offset)));
    const length = readSync(descriptor, buffer, 0, buffer.length, offset);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** The child appends (O_APPEND), so that cutting the file to nothing under it is safe. */
function trimLog(logFile: string): void {
  if (!existsSync(logFile) || statSync(logFile).size < LOG_BYTES_MAX) return;
  copyFileSync(logFile, `${logFile}.1`);
  truncateSync(logFile, 0);
}
