/**
 * Connection: one kept-alive HTTP/1.1 socket with one request under way at a time.
 *
 * A general HTTP library costs 20 to 40 µs a request, more than the gateway spends on it, so the load driver would measure itself.
 * This reads only what an API answers: a status line, Content-Length or chunks. Answers are texts of one character a byte.
 * Promises: a request is written at most once and never repeated; whatever goes wrong is an answer with `fault` and status 0.
 *
 * @module
 */

import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What became of a request that has no whole answer. After all but `connect_failed` and `closed` the server may have acted on it. */
export type Fault = 'connect_failed' | 'connection_reset' | 'timeout' | 'bad_answer' | 'closed';

/** The answer to one request. */
export interface Answer {
  /** HTTP status; 0 where there is a fault. */
  readonly status: number;
  /** One character a byte. Empty where there is a fault. */
  readonly body: string;
  /** Where a 3xx leads; empty elsewhere. */
  readonly location: string;
  /** When a 503 asks to come again; empty elsewhere. */
  readonly retryAfter: string;
  readonly fault: Fault | null;
}

/** An answer at the head of a text, or why there is none. */
export type Reading =
  | ({ readonly kind: 'whole'; readonly keepAlive: boolean } & Omit<Answer, 'fault'>)
  | { readonly kind: 'partial' }
  | { readonly kind: 'bad' };

/** Where to connect. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface ConnectionEvents {
  /** The connection can take a request: it was opened, or its last one is answered. */
  onIdle(connection: Connection): void;
  /** The connection is gone; its request, if any, has been answered with a fault. */
  onGone(connection: Connection): void;
}

const ANSWER_CHARS_MAX = 1024 * 1024;
const PARTIAL: Reading = { kind: 'partial' };
const BAD: Reading = { kind: 'bad' };

/** One buffer for all sockets: what was read is copied into a text before the next read. */
const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** One connection. It opens at once; `onIdle` tells when it may be used. */
export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  #done: ((answer: Answer) => void) | null = null;
  #received = '';
  #fault: Fault = 'connect_failed';
  #opened = false;
  #deadlineMs = 0;
  #idleSinceMs = 0;

  constructor(address: Address, events: ConnectionEvents) {
    this.#events = events;
    const { host, port } = address;
    const opened = () => {
      this.#fault = 'connection_reset';
      this.#opened = true;
      this.#idleSinceMs = performance.now();
      events.onIdle(this);
    };
    if (address.tls) {
      this.#socket = connectTls({ host, port, ALPNProtocols: ['http/1.1'] }, opened);
      this.#socket.on('data', (bytes) => this.#hear(bytes.toString('latin1')));
    } else {
      const onread: OnReadOpts = { buffer: sharedBuffer, callback: (count) => this.#hearShared(count) };
      this.#socket = connectTcp({ host, port, onread, noDelay: true }, opened);
    }
    this.#socket.on('error', (error) => this.#socket.destroy(error));
    this.#socket.on('close', () => this.#end());
  }

  /** Since when it has had nothing to do, by `performance.now()`. */
  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  /** Whether the connection was ever open. */
  get opened(): boolean {
    return this.#opened;
  }

  /**
   * Sends a request.
   * @param text the whole request, one character a byte
   * @param deadlineMs when to give up, by `performance.now()`; checked by `expire`
   */
  send(text: string, deadlineMs: number, done: (answer: Answer) => void): void {
    if (this.#done !== null) throw new Error('a connection takes one request at a time');
    this.#done = done;
    this.#deadlineMs = deadlineMs;
    this.#socket.write(text, 'latin1');
  }

  /** Gives up a request that is past its deadline. */
  expire(nowMs: number): void {
    if (this.#done !== null && nowMs >= this.#deadlineMs) this.close('timeout');
  }

  /** Ends the connection at once; a request under way gets `fault`. */
  close(fault: Fault): void {
    this.#fault = fault;
    this.#socket.destroy();
  }

  #hearShared(count: number): boolean {
    this.#hear(sharedBuffer.toString('latin1', 0, count));
    return true;
  }

  #hear(text: string): void {
    this.#received = this.#received === '' ? text : this.#received + text;
    const reading = this.#done === null ? BAD : readAnswer(this.#received);
    if (reading.kind === 'partial') return;
    if (reading.kind === 'bad') {
      this.close('bad_answer');
      return;
    }
    const done = this.#done!;
    this.#received = '';
    this.#done = null;
    this.#idleSinceMs = performance.now();
    if (reading.keepAlive) this.#events.onIdle(this);
    else this.close('closed');
    const { status, body, location, retryAfter } = reading;
    done({ status, body, location, retryAfter, fault: null });
  }

  #end(): void {
    const done = this.#done;
    this.#done = null;
    this.#events.onGone(this);
    done?.({ status: 0, body: '', location: '', retryAfter: '', fault: this.#fault });
  }
}

/**
 * Reads one answer from the head of `text`. Anything after it is a fault, since nothing was asked for yet.
 * @param text what has been received since the request was sent, one character a byte
 */
export function readAnswer(text: string): Reading {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return text.length > ANSWER_CHARS_MAX ? BAD : PARTIAL;
  const status = Number.parseInt(text.slice(9, 12), 10);
  if (!text.startsWith('HTTP/1.') || !(status >= 200 && status <= 599)) return BAD;
  // Servers spell it one way or the other; lower-casing every head would cost more than the rest of the reading.
  let lengthAt = text.indexOf('\r\nContent-Length: ');
  if (lengthAt < 0) lengthAt = text.indexOf('\r\ncontent-length: ');
  const plain = lengthAt >= 0 && lengthAt < headEnd;
  const keepAlive = !/\r\nconnection: *close/i.test(text.slice(0, headEnd));
  const location = status >= 300 && status < 400 ? headerOf(text.slice(0, headEnd), 'location') : '';
  const retryAfter = status === 503 ? headerOf(text.slice(0, headEnd), 'retry-after') : '';
  const start = headEnd + 4;
  if (plain) {
    const end = start + Number.parseInt(text.slice(lengthAt + 18, lengthAt + 30), 10);
    if (!(end >= start && end - start <= ANSWER_CHARS_MAX) || text.length > end) return BAD;
    return text.length < end
      ? PARTIAL
      : { kind: 'whole', status, body: text.slice(start), location, retryAfter, keepAlive };
  }
  if (status === 204 || status === 304) {
    return text.length > start ? BAD : { kind: 'whole', status, body: '', location, retryAfter, keepAlive };
  }
  const chunked = /\r\ntransfer-encoding: *chunked/i.test(text.slice(0, headEnd));
  return chunked ? readChunks(text, start, { status, location, retryAfter, keepAlive }) : BAD;
}

function headerOf(head: string, name: 'location' | 'retry-after'): string {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1] ?? '';
}

function readChunks(
  text: string,
  start: number,
  head: { status: number; location: string; retryAfter: string; keepAlive: boolean },
): Reading {
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return text.length - at > 32 ? BAD : PARTIAL;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(size >= 0) || body.length + size > ANSWER_CHARS_MAX) return BAD;
    const from = lineEnd + 2;
    const to = from + size;
    if (text.length < to + 2) return PARTIAL;
    if (text.slice(to, to + 2) !== '\r\n') return BAD;
    if (size === 0) return text.length > to + 2 ? BAD : { kind: 'whole', body, ...head };
    body += text.slice(from, to);
    at = to + 2;
  }
}
