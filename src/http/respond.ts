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
  end(body: string | Uint8Array, closeConnection: boolean): unknown;
  endWithoutBody(contentLength: number, closeConnection: boolean): unknown;
}

export interface RespondOptions {
  requestId: string;
  /** The request was a HEAD: headers as for GET, no body. */
  head: boolean;
  /** Close the connection afterwards. */
  close: boolean;
}

/** Writes the answer. The socket must still be open. */
export function respond(wire: ResponseWire, response: HttpResponse, options: RespondOptions): void {
  wire.cork(() => {
    wire.writeStatus(statusLine(response.status));
    wire.writeHeader('Content-Type', response.contentType ?? 'application/json');
    wire.writeHeader('Cache-Control', 'no-store');
    wire.writeHeader('X-Content-Type-Options', 'nosniff');
    wire.writeHeader('X-Request-Id', options.requestId);
    if (response.headers !== undefined) {
      for (const [name, value] of Object.entries(response.headers)) wire.writeHeader(name, value);
    }
    if (options.head) wire.endWithoutBody(Buffer.byteLength(response.body), options.close);
    else wire.end(response.body, options.close);
  });
}

const STATUS_LINES: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([status, reason]) => [Number(status), `${status} ${reason}`]),
);

function statusLine(status: number): string {
  return STATUS_LINES.get(status) ?? String(status);
}
