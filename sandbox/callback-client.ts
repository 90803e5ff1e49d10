/**
 * A lean keep-alive client for callbacks: one POST at a time per connection, only the status is kept.
 *
 * node:http spends about 40 µs on an outgoing request, as much as the bank spends on a whole charge; this spends a
 * fraction. It understands what HTTP/1.1 servers answer to a POST: Content-Length, chunked, no body, or close.
 * @module
 */
import { connect, type Socket } from 'node:net';

/** What became of a POST: the HTTP status, or a word why there was no answer. */
export type PostOutcome =
  | { readonly ok: true; readonly status: number }
  | { readonly ok: false; readonly code: string };

const IDLE_SOCKETS_MAX = 64;
const ANSWER_BYTES_MAX = 256 * 1024;

/** Connections to one callback URL. The caller bounds how many posts run at once. */
export class CallbackClient {
  readonly #host: string;
  readonly #port: number;
  readonly #head: string;
  readonly #timeoutMs: number;
  readonly #idle: Socket[] = [];
  readonly #open = new Set<Socket>();
  #closed = false;

  /** @param timeoutMs how long a post waits for its answer */
  constructor(url: URL, timeoutMs: number) {
    this.#host = url.hostname.replace(/^\[|\]$/g, '');
    this.#port = url.port === '' ? 80 : Number(url.port);
    this.#head = `POST ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
    this.#timeoutMs = timeoutMs;
  }

  /** Posts a body. `headers` are whole lines, each ending with CRLF. Never rejects. */
  async post(headers: string, body: string): Promise<PostOutcome> {
    const request = `${this.#head}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    if (this.#closed) return { ok: false, code: 'client_closed' };
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      const outcome = await this.#exchange(kept, request);
      // The server may have closed a kept connection just as we wrote; the same event may safely be posted again.
      if (outcome.ok || outcome.code !== 'connection_closed' || this.#closed) return outcome;
    }
    return await this.#exchange(this.#connect(), request);
  }

  /** Destroys every connection; posts under way end as `connection_closed`. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
  }

  #connect(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    this.#open.add(socket);
    socket.on('close', () => {
      this.#open.delete(socket);
      const index = this.#idle.indexOf(socket);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    // An idle socket that fails closes itself, and an exchange listens for itself: 'close' follows every 'error'.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      socketFailures.set(socket, error.code === 'ECONNREFUSED' ? 'connection_refused' : 'connection_closed');
    });
    return socket;
  }

  #exchange(socket: Socket, request: string): Promise<PostOutcome> {
    return new Promise((resolve) => {
      let answer = '';
      const settle = (outcome: PostOutcome, keep: boolean): void => {
        clearTimeout(timer);
        socket.off('data', onData);
        socket.off('close', onClose);
        if (keep && this.#idle.length < IDLE_SOCKETS_MAX) this.#idle.push(socket);
        else socket.destroy();
        resolve(outcome);
      };
      const onData = (chunk: Buffer): void => {
        answer += chunk.toString('latin1');
        const read = readAnswer(answer);
        if (read !== null) settle({ ok: true, status: read.status }, read.keepAlive);
        else if (answer.length > ANSWER_BYTES_MAX) settle({ ok: false, code: 'answer_too_large' }, false);
      };
      const onClose = (): void => {
        settle(readClosedAnswer(answer, socketFailures.get(socket) ?? 'connection_closed'), false);
      };
      const timer = setTimeout(() => settle({ ok: false, code: 'timed_out' }, false), this.#timeoutMs);
      socket.on('data', onData);
      socket.on('close', onClose);
      if (socket.destroyed) onClose();
      else socket.write(request, 'utf8');
    });
  }
}

const socketFailures = new WeakMap<Socket, string>();

/**
 * Reads a whole answer, or null when more bytes are needed.
 *
 *     HTTP/1.1 SP status SP reason CRLF *( name ":" value CRLF ) CRLF body
 */
export function readAnswer(answer: string): { readonly status: number; readonly keepAlive: boolean } | null {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const status = Number(answer.slice(9, 12));
  if (status >= 100 && status < 200) return readAnswer(answer.slice(headEnd + 4));
  const head = answer.slice(0, headEnd).toLowerCase();
  const keepAlive = head.startsWith('http/1.1') && !head.includes('\r\nconnection: close');
  const bodyLength = answer.length - headEnd - 4;
  if (status === 204 || status === 304) return { status, keepAlive: keepAlive && bodyLength === 0 };
  const length = /\r\ncontent-length: *([0-9]+)/.exec(head)?.[1];
  if (length !== undefined) {
    const missing = Number(length) - bodyLength;
    return missing > 0 ? null : { status, keepAlive: keepAlive && missing === 0 };
  }
  if (head.includes('\r\ntransfer-encoding: chunked')) {
    const body = answer.slice(headEnd + 2);
    return body.endsWith('\r\n0\r\n\r\n') ? { status, keepAlive } : null;
  }
  return null;
}

/** What an answer is worth when the server closed: a whole head without a length is ended by the close itself. */
function readClosedAnswer(answer: string, code: string): PostOutcome {
  const head = answer.slice(0, Math.max(0, answer.indexOf('\r\n\r\n'))).toLowerCase();
  const endsByClose =
    head !== '' && !head.includes('\r\ncontent-length:') && !head.includes('\r\ntransfer-encoding:');
  return endsByClose ? { ok: true, status: Number(answer.slice(9, 12)) } : { ok: false, code };
}
