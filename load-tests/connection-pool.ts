/**
 * Connection pool: up to N connections to one listener, the most recently used first.
 *
 * Requests that find no free connection wait in order; the wait is part of the latency, because callers measure from the moment the
 * request was due. Callers bound their requests under way (arrivals.ts), and with it what can wait here.
 *
 * @module
 */

import { type Address, type Answer, Connection, type Fault } from './connection.ts';

export interface ConnectionPoolOptions {
  readonly connectionsMax: number;
  /** From the moment a connection takes the request. */
  readonly requestTimeoutMs: number;
}

interface Waiting {
  readonly text: string;
  readonly done: (answer: Answer) => void;
}

/** How long no new connection is tried after one could not be opened. */
const REDIAL_MS = 100;
/** Servers close what is idle for longer (our balancer after five seconds), and a request sent at that moment would be lost. */
const IDLE_MS_MAX = 4000;
/** How often deadlines are looked at: a timer per request would cost more than the request. */
const SWEEP_MS = 250;

/** A pool. `close` it, or its timer keeps the process. */
export class ConnectionPool {
  readonly #address: Address;
  readonly #options: ConnectionPoolOptions;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #waiting: Waiting[] = [];
  #waitingHead = 0;
  #refusedUntilMs = 0;
  #closed = false;
  readonly #sweep: NodeJS.Timeout;

  /** @param url http or https, of which scheme, host and port count */
  constructor(url: string, options: ConnectionPoolOptions) {
    this.#address = addressOf(url);
    this.#options = options;
    this.#sweep = setInterval(() => this.#expire(), SWEEP_MS);
  }

  /** Sends one whole request (one character a byte); never rejects. */
  request(text: string): Promise<Answer> {
    return new Promise((done) => {
      if (this.#closed) return done(faulty('closed'));
      const connection = this.#freshIdle();
      if (connection !== undefined) return this.#send(connection, text, done);
      if (this.#all.size < this.#options.connectionsMax) {
        if (performance.now() >= this.#refusedUntilMs) this.#open();
        else if (this.#all.size === 0) return done(faulty('connect_failed'));
      }
      this.#waiting.push({ text, done });
    });
  }

  /** Closes all connections; what is under way or waits is answered `closed`. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const connection of this.#all) connection.close('closed');
    this.#refuseWaiting('closed');
  }

  #open(): void {
    this.#all.add(
      new Connection(this.#address, {
        onIdle: (connection) => this.#onIdle(connection),
        onGone: (connection) => this.#onGone(connection),
      }),
    );
  }

  #send(connection: Connection, text: string, done: (answer: Answer) => void): void {
    connection.send(text, performance.now() + this.#options.requestTimeoutMs, done);
  }

  #onIdle(connection: Connection): void {
    const next = this.#nextWaiting();
    if (next === undefined) this.#idle.push(connection);
    else this.#send(connection, next.text, next.done);
  }

  #onGone(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    // It was never of use: the listener is not there. Those who wait are told, else they would wait for a connection that never comes.
    if (!connection.opened) {
      this.#refusedUntilMs = performance.now() + REDIAL_MS;
      if (this.#all.size === 0) this.#refuseWaiting('connect_failed');
    } else if (!this.#closed && this.#waitingHead < this.#waiting.length) this.#open();
  }

  #freshIdle(): Connection | undefined {
    const staleMs = performance.now() - IDLE_MS_MAX;
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      if (one.idleSinceMs > staleMs) return one;
      one.close('closed');
    }
    return undefined;
  }

  #nextWaiting(): Waiting | undefined {
    const next = this.#waiting[this.#waitingHead];
    if (next === undefined) return undefined;
    this.#waitingHead += 1;
    if (this.#waitingHead > 1024 && this.#waitingHead * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
    return next;
  }

  #refuseWaiting(fault: Fault): void {
    for (let next = this.#nextWaiting(); next !== undefined; next = this.#nextWaiting())
      next.done(faulty(fault));
  }

  #expire(): void {
    const nowMs = performance.now();
    for (const connection of this.#all) connection.expire(nowMs);
  }
}

function faulty(fault: Fault): Answer {
  return { status: 0, body: '', location: '', retryAfter: '', fault };
}

function addressOf(url: string): Address {
  const { protocol, hostname, port } = new URL(url);
  const tls = protocol === 'https:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (tls ? 443 : 80) : Number(port), tls };
}
