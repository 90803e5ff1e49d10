/**
 * Answers: how a response leaves the bank, whole, late or broken off.
 * @module
 */
import type { ServerResponse } from 'node:http';

/** An answer of the bank, in the words of a dialect. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** @default application/json */
  readonly type?: string;
  /** More headers: name, value, name, value … */
  readonly headers?: readonly string[];
}

const HTML_TITLES = { 502: '502 Bad Gateway', 504: '504 Gateway Timeout' } as const;
const JSON_TYPE = 'application/json';

/** Waits before an answer. Resolves at once to false when the caller goes, or has gone. */
export function pause(delayMs: number, response: ServerResponse): Promise<boolean> {
  if (response.closed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const leave = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      response.off('close', leave);
      resolve(true);
    }, delayMs);
    response.on('close', leave);
  });
}

/** An answer of JSON. */
export function jsonOf(status: number, body: object, headers?: readonly string[]): Answer {
  return { status, body: JSON.stringify(body), ...(headers === undefined ? {} : { headers }) };
}

/** Answers whole. */
export function answer(response: ServerResponse, { status, body, type = JSON_TYPE, headers }: Answer): void {
  const all = ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))];
  if (headers !== undefined) all.push(...headers);
  response.writeHead(status, all);
  response.end(body);
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: object): void {
  answer(response, jsonOf(status, body));
}

/** Answers in the operator's and plain's words. */
export function answerError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  field?: string,
): void {
  answer(response, errorOf(status, code, message, field));
}

/** What {@link answerError} answers. */
export function errorOf(status: number, code: string, message: string, field?: string): Answer {
  return jsonOf(status, { error: { code, ...(field === undefined ? {} : { field }), message } });
}

/** A proxy's page, not the bank's word. */
export function answerHtml(response: ServerResponse, status: keyof typeof HTML_TITLES): void {
  const title = HTML_TITLES[status];
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  answer(response, { status, body, type: 'text/html' });
}

/** Half of the answer, then the connection is reset. */
export function breakOff(response: ServerResponse, { status, body, type = JSON_TYPE }: Answer): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, ['Content-Type', type, 'Content-Length', String(bytes.length)]);
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.resetAndDestroy());
}
