/**
 * HTTP of the floor: bare uWebSockets.js, and no more around it than what keeps the process alive.
 *
 * @module
 */

import * as uWS from 'uWebSockets.js';

/** A request with its body read, and the values of the headers its path was mounted with. */
export type PostHandler = (answer: Answer, body: Buffer, headers: readonly string[]) => void;

export interface GetRequest {
  /** The path's parameter; empty when it has none. */
  readonly id: string;
  query(name: string): string;
}

/** One answer, given once, unless the client has left. */
export class Answer {
  readonly #wire: uWS.HttpResponse;
  #gone = false;

  constructor(wire: uWS.HttpResponse) {
    this.#wire = wire;
    wire.onAborted(() => {
      this.#gone = true;
    });
  }

  /** @param status with its reason */
  json(status: string, body: string): void {
    this.#give(status, 'Content-Type', 'application/json', body);
  }

  html(body: string): void {
    this.#give('200 OK', 'Content-Type', 'text/html; charset=utf-8', body);
  }

  redirect(location: string): void {
    this.#give('303 See Other', 'Location', location, '');
  }

  notFound(): void {
    this.json('404 Not Found', '{"code":"not_found"}');
  }

  gone(): void {
    this.json('410 Gone', '{"code":"session_expired"}');
  }

  /** Nothing was committed. */
  failed(): void {
    this.json('503 Service Unavailable', '{"code":"storage_unavailable"}');
  }

  #give(status: string, header: string, value: string, body: string): void {
    if (this.#gone) return;
    this.#wire.cork(() => {
      this.#wire.writeStatus(status).writeHeader(header, value).end(body);
    });
  }
}

export class HttpServer {
  readonly #app = uWS.App();

  post(path: string, headers: readonly string[], handler: PostHandler): void {
    this.#app.post(path, (wire, request) => {
      // The request's head is gone when the body is there.
      const values = headers.map((name) => request.getHeader(name));
      const answer = new Answer(wire);
      let rest: Buffer | null = null;
      wire.onData((chunk, last) => {
        // The chunk is the socket's own memory: it is read in this call or copied.
        const bytes = rest === null ? Buffer.from(chunk) : Buffer.concat([rest, Buffer.from(chunk)]);
        if (last) guarded(answer, () => handler(answer, bytes, values));
        else rest = rest === null ? Buffer.from(bytes) : bytes;
      });
    });
  }

  get(path: string, handler: (answer: Answer, request: GetRequest) => void): void {
    this.#app.get(path, (wire, request) => {
      const answer = new Answer(wire);
      const query = (name: string): string => request.getQuery(name) ?? '';
      guarded(answer, () => handler(answer, { id: request.getParameter(0) ?? '', query }));
    });
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#app.listen('127.0.0.1', port, (socket) => {
        if (socket === false) reject(new Error(`cannot listen on port ${port}`));
        else resolve();
      });
    });
  }

  close(): void {
    this.#app.close();
  }
}

/** An error that leaves a handler would end the process: whatever it was, the request was bad. */
function guarded(answer: Answer, handle: () => void): void {
  try {
    handle();
  } catch (error) {
    answer.json('400 Bad Request', JSON.stringify({ code: 'bad_request', detail: String(error) }));
  }
}
