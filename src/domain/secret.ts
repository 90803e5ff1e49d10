/**
 * Secret: a value that does not print.
 *
 * Logs, JSON and `inspect` show `[secret]`; the value comes out only through `reveal()`, one searchable verb.
 * Bytes can be wiped; strings cannot (JavaScript keeps them as long as it likes), so card data is bytes.
 *
 * @module
 */

const PRINTED = '[secret]';

export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. The caller answers for where it goes. */
  reveal(): T {
    return this.#value;
  }

  /** Overwrites the value with zeros when it is bytes; other values are left as they are. */
  wipe(): void {
    if (this.#value instanceof Uint8Array) this.#value.fill(0);
  }

  toString(): string {
    return PRINTED;
  }

  toJSON(): string {
    return PRINTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return PRINTED;
  }
}
