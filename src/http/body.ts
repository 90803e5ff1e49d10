/**
 * Body: collects a request body within its limit and its time.
 *
 * Most bodies arrive with their headers and are copied once. For the others one timer watches all bodies under
 * way: every one has the same time, so the oldest is always the next to run out.
 *
 * @module
 */

/** What is needed of a uWebSockets.js response. */
export interface BodyWire {
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
}

/** How the reading of a body ended. A reader that was cancelled says nothing. */
export type BodyEnd = { body: Buffer } | { refused: 'body_too_large' | 'body_timeout' };

export interface BodyOptions {
  limitBytes: number;
  /** Fill with zeros what was copied and dropped, and the network's own buffer behind it (card data). */
  wipe: boolean;
}

export interface BodyReader {
  /** Begins to read; `done` is called once, unless the returned function cancels before. */
  read(wire: BodyWire, options: BodyOptions, done: (end: BodyEnd) => void): () => void;
  /** Drops the timer. */
  close(): void;
}

interface PendingBody {
  /** Monotonic milliseconds. */
  deadline: number;
  end(how: BodyEnd | null): void;
}

/** @param timeoutMs from the headers to the last byte of the body */
export function createBodyReader(timeoutMs: number): BodyReader {
  /** In the order of their deadlines. Bounded by the listener's requests in flight. */
  const pending = new Set<PendingBody>();
  let timer: NodeJS.Timeout | null = null;

  const arm = (delayMs: number): void => {
    timer = setTimeout(expire, delayMs);
    timer.unref();
  };

  const expire = (): void => {
    timer = null;
    const now = performance.now();
    for (const body of pending) {
      if (body.deadline > now) {
        arm(body.deadline - now);
        return;
      }
      body.end({ refused: 'body_timeout' });
    }
  };

  return {
    read(wire, options, done) {
      const entry: PendingBody = {
        deadline: performance.now() + timeoutMs,
        end: (how) => {
          if (!pending.delete(entry)) return;
          if (how === null || 'refused' in how) collector.drop();
          if (how !== null) done(how);
        },
      };
      const collector = collect(wire, options, (how) => entry.end(how));
      pending.add(entry);
      if (timer === null) arm(timeoutMs);
      return () => entry.end(null);
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

function collect(wire: BodyWire, options: BodyOptions, done: (end: BodyEnd) => void): { drop(): void } {
  let bytes: Buffer = Buffer.alloc(0);
  let length = 0;
  let over = false;

  const drop = (): void => {
    over = true;
    if (options.wipe) bytes.fill(0);
  };

  const append = (chunk: Uint8Array, isLast: boolean): void => {
    if (length + chunk.length > bytes.length) {
      const needed = length + chunk.length;
      const larger = Buffer.allocUnsafeSlow(
        isLast ? needed : Math.min(options.limitBytes, Math.max(needed, bytes.length * 2)),
      );
      larger.set(bytes.subarray(0, length));
      if (options.wipe) bytes.fill(0);
      bytes = larger;
    }
    bytes.set(chunk, length);
    length += chunk.length;
  };

  wire.onData((chunk, isLast) => {
    const received = new Uint8Array(chunk);
    if (!over && length + received.length > options.limitBytes) done({ refused: 'body_too_large' });
    if (!over) append(received, isLast);
    // The chunk is a window on the receive buffer, whose body bytes nobody reads again.
    if (options.wipe) received.fill(0);
    if (isLast && !over) done({ body: bytes.subarray(0, length) });
  });
  return { drop };
}
