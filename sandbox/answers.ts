/**
 * Answers: how a response leaves the bank, whole, late or broken off.
 * @module
 */
import type { ServerResponse } from 'node:http';

const HTML_TITLES = { 502: '502 Bad Gateway', 504: '504 Gateway Timeout' } as const;

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

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: object): void {
  answer(response, status, 'application/json', JSON.stringify(body));
}

/** Answers in the bank's own words. */
export function answerError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  field?: string,
): void {
  answerJson(response, status, { error: { code, ...(field === undefined ? {} : { field }), message } });
}

/** A proxy's page, not the bank's word. */
export function answerHtml(response: ServerResponse, status: keyof typeof HTML_TITLES): void {
  const title = HTML_TITLES[status];
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  answer(response, status, 'text/html', body);
}

/**
 * Answers whole.
 * @param replayed the charge was known before
 */
export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  replayed = false,
): void {
  const headers = ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))];
  if (replayed) headers.push('Idempotent-Replayed', 'true');
  response.writeHead(status, headers);
  response.end(body);
}

/** Half of the answer, then the connection is reset. */
export function breakOff(response: ServerResponse, body: string): void {
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]);
  response.write(body.slice(0, body.length >> 1), () => response.socket?.resetAndDestroy());
}
