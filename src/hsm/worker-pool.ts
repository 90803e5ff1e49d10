/**
 * Worker pool: Piscina around calls that block, and sometimes never return.
 *
 * A thread inside a native call cannot be terminated. When a call outlasts its time, its worker is abandoned (asked
 * to end should the call ever return) and counted, and the task is run once more on a fresh worker. Past a bound no
 * further thread is risked: everything is refused until the process is replaced.
 *
 * At most `threads` tasks run; others wait in line, at most `queueMax`. The clock of a task starts when it runs.
 *
 * @module
 */

import { Piscina } from 'piscina';
import { HsmError } from './keyring.ts';
import type { WorkerReply } from './vault-tasks.ts';

export interface WorkerPoolOptions {
  /** Path of the worker's file, whose default export takes a task. */
  workerFile: string;
  workerData: unknown;
  threads: number;
  callTimeoutMs: number;
  abandonedWorkersMax: number;
  /** Tasks that may wait for a worker. */
  queueMax: number;
}

/** A task ready to leave. Buffers in `transfer` are the worker's from then on. */
export interface Dispatch<Task> {
  task: Task;
  transfer?: ArrayBuffer[];
}

/** `repeat`: a call that hung or died may be made again. `once`: making a key, which must not be doubled. */
export type Repetition = 'repeat' | 'once';

export class WorkerPool<Task, Answer> {
  readonly #options: WorkerPoolOptions;
  readonly #piscina: Piscina<Task, WorkerReply<Answer>>;
  /** Wakes the tasks in line, oldest first. */
  readonly #line: (() => void)[] = [];
  #running = 0;
  #abandoned = 0;
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#piscina = new Piscina<Task, WorkerReply<Answer>>({
      filename: options.workerFile,
      workerData: options.workerData,
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    });
    // A worker that fails between tasks: Piscina starts another, and the next task reports what is wrong.
    this.#piscina.on('error', (error: Error) => {
      process.stderr.write(`hsm worker failed: ${error.name}\n`);
    });
  }

  /** Workers left behind in a call that did not return. */
  get abandonedWorkers(): number {
    return this.#abandoned;
  }

  /** True when no further worker is risked. */
  get exhausted(): boolean {
    return this.#abandoned >= this.#options.abandonedWorkersMax;
  }

  /**
   * Runs a task on a worker. Rejects with HsmError.
   * @param dispatch makes the task anew for each attempt, because its buffers leave with it; it may run other tasks
   */
  async run(
    repetition: Repetition,
    dispatch: () => Promise<Dispatch<Task>> | Dispatch<Task>,
  ): Promise<Answer> {
    try {
      return await this.#attempt(await dispatch());
    } catch (error) {
      if (repetition === 'once' || !worthRepeating(error)) throw error;
      return await this.#attempt(await dispatch());
    }
  }

  /** Ends a worker as if it had died, whatever it is doing: for campaigns. Piscina starts another. */
  loseWorker(): void {
    void this.#piscina.threads[0]?.terminate();
  }

  /** Ends the workers. Calls still running are given up. */
  async close(): Promise<void> {
    this.#closed = true;
    // Each takes a place, finds the pool closed, and gives the place back.
    this.#running += this.#line.length;
    for (const wake of this.#line.splice(0)) wake();
    await this.#piscina.destroy();
  }

  async #enter(): Promise<void> {
    if (this.#closed) throw new HsmError('closed', 'the pool is closed');
    if (this.#running < this.#options.threads) {
      this.#running++;
      return;
    }
    if (this.#line.length >= this.#options.queueMax) {
      throw new HsmError('queue_full', `${this.#line.length} tasks wait for the HSM`);
    }
    // The one who leaves hands over its place, so `#running` does not change here.
    await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  #leave(): void {
    const next = this.#line.shift();
    if (next !== undefined) next();
    else this.#running--;
  }

  /** Waits for a place only now: making the task may itself have run a task. */
  async #attempt(dispatch: Dispatch<Task>): Promise<Answer> {
    try {
      await this.#enter();
      try {
        return await this.#call(dispatch);
      } finally {
        this.#leave();
      }
    } finally {
      // What was transferred is the worker's to wipe; what never left is ours.
      for (const buffer of dispatch.transfer ?? []) if (!buffer.detached) new Uint8Array(buffer).fill(0);
    }
  }

  async #call(dispatch: Dispatch<Task>): Promise<Answer> {
    if (this.#closed) throw new HsmError('closed', 'the pool is closed');
    if (this.exhausted) {
      throw new HsmError('workers_exhausted', `${this.#abandoned} workers hang in the PKCS#11 module`);
    }
    const hung = new AbortController();
    const timer = setTimeout(() => hung.abort(), this.#options.callTimeoutMs);
    try {
      const transferList = dispatch.transfer ?? [];
      const reply = await this.#piscina.run(dispatch.task, { signal: hung.signal, transferList });
      if (reply.ok) return reply.answer;
      throw new HsmError(reply.code, reply.detail);
    } catch (error) {
      if (error instanceof HsmError) throw error;
      if (!hung.signal.aborted) throw new HsmError('worker_died', String(error), { cause: error });
      this.#abandoned++;
      throw new HsmError('call_timed_out', `no answer in ${this.#options.callTimeoutMs} ms`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

function worthRepeating(error: unknown): boolean {
  return error instanceof HsmError && (error.code === 'call_timed_out' || error.code === 'worker_died');
}
