/**
 * An append-only file of lines, written in groups.
 *
 * Lines that arrive while a write is under way leave together with the next one, so that the cost of a durable write is
 * shared. With `durable` the file is opened with O_DSYNC: each write returns as write followed by fdatasync would.
 * Promises: lines keep their order; `append` resolves only after its line is written (and synced, when durable).
 * @module
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const READ_CHUNK_BYTES = 1 << 20;
/** A group this large means load: then the next one waits {@link LINGER_MS}, for fewer and larger writes. */
const LINGER_FROM_LINES = 4;
const LINGER_MS = 2;
const NEWLINE = 10;

export class AppendLog {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #onFailure: (error: Error) => void;
  #writtenBytes: number;
  /** The group being gathered; taken as a whole by the next write. */
  #lines: string[] = [];
  #group: PromiseWithResolvers<void> | null = null;
  /** The group being written. */
  #current: Promise<void> | null = null;
  #writing = false;
  #lastGroupSize = 0;

  private constructor(path: string, file: FileHandle, sizeBytes: number, onFailure: (error: Error) => void) {
    this.path = path;
    this.#file = file;
    this.#writtenBytes = sizeBytes;
    this.#onFailure = onFailure;
  }

  /**
   * Opens or creates the file. `onFailure` hears of a failed write: what is on disk is then unknown, and the owner must
   * stop the process. Appends after a failure reject.
   */
  static async open(path: string, durable: boolean, onFailure: (error: Error) => void): Promise<AppendLog> {
    const { O_APPEND, O_CREAT, O_DSYNC, O_WRONLY } = constants;
    const file = await open(path, O_WRONLY | O_CREAT | O_APPEND | (durable ? O_DSYNC : 0), 0o600);
    const { size } = await file.stat();
    return new AppendLog(path, file, size, onFailure);
  }

  /** Bytes of whole lines known to be written. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Adds a line (without its newline) to the next group. Resolves when the group is written. */
  append(line: string): Promise<void> {
    this.#lines.push(line);
    if (this.#group === null) {
      this.#group = Promise.withResolvers<void>();
      this.#group.promise.catch(this.#onFailure);
      if (!this.#writing) this.#schedule();
    }
    return this.#group.promise;
  }

  /** Resolves when every line appended so far is written. */
  flush(): Promise<void> {
    return this.#group?.promise ?? this.#current ?? Promise.resolve();
  }

  /** Writes what is gathered and closes the file. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }

  #schedule(): void {
    this.#writing = true;
    if (this.#lastGroupSize >= LINGER_FROM_LINES) setTimeout(() => this.#write(), LINGER_MS);
    else setImmediate(() => this.#write());
  }

  #write(): void {
    const group = this.#group;
    if (group === null) throw new Error('append log: a write without a group');
    const bytes = Buffer.from(`${this.#lines.join('\n')}\n`);
    this.#lastGroupSize = this.#lines.length;
    this.#lines = [];
    this.#group = null;
    this.#current = group.promise;
    this.#writeWhole(bytes).then(
      () => {
        this.#writtenBytes += bytes.length;
        this.#writing = false;
        this.#current = null;
        group.resolve();
        if (this.#group !== null) this.#schedule();
      },
      (error: Error) => this.#fail(group, error),
    );
  }

  /** #writing stays set, so that nothing is written behind a hole; the next group, now and later, is a refused one. */
  #fail(group: PromiseWithResolvers<void>, error: Error): void {
    group.reject(error);
    if (this.#group === null) {
      this.#group = Promise.withResolvers<void>();
      this.#group.promise.catch(this.#onFailure);
    }
    this.#group.reject(error);
  }

  async #writeWhole(bytes: Buffer): Promise<void> {
    let offset = 0;
    while (offset < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, offset, bytes.length - offset);
      offset += bytesWritten;
    }
  }
}

/**
 * Reads the whole lines of the first `endByte` bytes in blocks, each ending with a newline. Bytes behind the last newline
 * are not yielded: the sum of the blocks' lengths is where a torn line starts. A missing file has no lines.
 */
export async function* readBlocks(path: string, endByte = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let rest: Buffer = Buffer.alloc(0);
    let position = 0;
    while (position < endByte) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, endByte - position));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      if (end > 0) yield bytes.subarray(0, end);
    }
  } finally {
    await file.close();
  }
}

/**
 * Calls `onLine` for every whole line and cuts a torn last line off the file.
 * @returns how many bytes were cut off
 */
export async function readBackLines(
  path: string,
  onLine: (line: string, lineNumber: number) => void,
): Promise<number> {
  let wholeBytes = 0;
  let lineNumber = 0;
  for await (const block of readBlocks(path)) {
    wholeBytes += block.length;
    const lines = block.toString('utf8').split('\n');
    lines.pop();
    for (const line of lines) onLine(line, ++lineNumber);
  }
  return await cutOff(path, wholeBytes);
}

async function cutOff(path: string, wholeBytes: number): Promise<number> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const { size } = await file.stat();
    if (size > wholeBytes) {
      await file.truncate(wholeBytes);
      await file.datasync();
    }
    return size - wholeBytes;
  } finally {
    await file.close();
  }
}
