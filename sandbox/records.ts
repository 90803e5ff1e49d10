/**
 * Records: what a dialect keeps beside the charges, by key, on disk and in memory (orders of Razorpay, answers of Stripe).
 *
 * One line per change, append only; the newest line of a key holds. A torn last line is cut off at start.
 * @module
 */
import { AppendLog, readBackLines } from './append-log.ts';
import { isRecord, parseJson } from './json.ts';

/** A line that cannot be read: what a dialect has promised must not be guessed at. */
export class RecordsCorruptError extends Error {
  override readonly name = 'RecordsCorruptError';
}

/** `Value` is whatever JSON keeps as it is. */
export class Records<Value> {
  readonly #values: Map<string, Value>;
  readonly #log: AppendLog;

  private constructor(values: Map<string, Value>, log: AppendLog) {
    this.#values = values;
    this.#log = log;
  }

  /**
   * Reads the file back and opens it for appending. What a line holds is not checked: the dialect wrote it.
   * @param options.durable whether `put` waits for the disk (fdatasync)
   * @param options.onFailure told of a failed write; the process must end
   * @param options.onTorn told of a torn last line that was cut off
   * @throws RecordsCorruptError when a whole line is not a record
   */
  static async open<Value>(
    path: string,
    options: {
      readonly durable: boolean;
      readonly onFailure: (error: Error) => void;
      readonly onTorn: (path: string, bytes: number) => void;
    },
  ): Promise<Records<Value>> {
    const values = new Map<string, Value>();
    const tornBytes = await readBackLines(path, (text, lineNumber) => {
      const line = parseJson(text);
      if (!isRecord(line) || typeof line.key !== 'string' || line.value === undefined) {
        throw new RecordsCorruptError(`${path}:${lineNumber}: not a record`);
      }
      values.set(line.key, line.value as Value);
    });
    if (tornBytes > 0) options.onTorn(path, tornBytes);
    return new Records(values, await AppendLog.open(path, options.durable, options.onFailure));
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** Every value, by the age of its key. */
  values(): Iterable<Value> {
    return this.#values.values();
  }

  /** Holds at once, so that no other can slip in; resolves when it is on disk. Show it only then. */
  put(key: string, value: Value): Promise<void> {
    this.#values.set(key, value);
    return this.#log.append(JSON.stringify({ key, value }));
  }

  /** Writes everything and closes the file. Nothing may be put afterwards. */
  close(): Promise<void> {
    return this.#log.close();
  }
}
