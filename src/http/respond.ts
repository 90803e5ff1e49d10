/**
 * Respond: writes one answer to the socket, corked, so that status, headers and body leave in one piece.
 *
 * @module
 */

import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from './routes.ts';

/** What is needed of a uWebSockets.js response. */
export interface ResponseWire {
  cork(write: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  write(chunk: string | Uint8Array): unknown;
  end(body: string | Uint8Array, closeConnection: boolean): unknown;
  endWithoutBody(): unknown;
}

export interface RespondOptions {
  requestId: string;
  /** The request was a HEAD: headers as for GET, no body. */
  head: boolean;
  /** Close the connection afterwards; after a HEAD the client is asked to. */
  close: boolean;
  /** Add Strict-Transport-Security. */
  strictTransport: boolean;
}

/** Writes the answer; of one that goes on, its beginning. The socket must still be open. */
export function respond(wire: ResponseWire, response: HttpResponse, options: RespondOptions): void {
  wire.cork(() => {
    wire.writeStatus(statusLine(response.status));
    wire.writeHeader('Content-Type', response.contentType ?? 'application/json');
    wire.writeHeader('Cache-Control', response.cacheControl ?? 'no-store');
    wire.writeHeader('X-Content-Type-Options', 'nosniff');
    wire.writeHeader('X-Request-Id', options.requestId);
    if (options.strictTransport) wire.writeHeader('Strict-Transport-Security', STRICT_FOR_A_YEAR);
    if (response.headers !== undefined) {
      for (const [name, value] of Object.entries(response.headers)) wire.writeHeader(name, value);
    }
    for (const cookie of response.cookies ?? []) wire.writeHeader('Set-Cookie', cookie);
    if (options.head || response.status === NO_CONTENT) endHead(wire, response, options.close);
    else if (response.events === undefined) wire.end(response.body, options.close);
    else wire.write(response.body);
  });
}

/**
 * Ends the answer to a HEAD, and one that has no body by its status. A length given to endWithoutBody would leave the answer open, as if its body were still to
 * come, and the connection's next request would end the connection; so length and close are said in headers.
 */
function endHead(wire: ResponseWire, response: HttpResponse, close: boolean): void {
  // What goes on has no length.
  if (response.status !== NO_CONTENT && response.events === undefined) {
    wire.writeHeader('Content-Length', String(Buffer.byteLength(response.body)));
  }
  if (close) wire.writeHeader('Connection', 'close');
  wire.endWithoutBody();
}

const NO_CONTENT = 204;
const STRICT_FOR_A_YEAR = 'max-age=31536000';

const STATUS_LINES: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([status, reason]) => [Number(status), `${status} ${reason}`]),
);

function statusLine(status: number): string {
  return STATUS_LINES.get(status) ?? String(status);
}
