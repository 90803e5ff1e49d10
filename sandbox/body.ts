/**
 * The body of a request, bounded: as bytes, or as JSON in the operator's and plain's words.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerError } from './answers.ts';

/** How large a body may be in any dialect, in bytes. */
export const BODY_BYTES_MAX = 64 * 1024;

/** Reads the body whole. Null when it is larger than `bytesMax`; rejects when the client leaves. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else resolve(null);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

/** Reads a JSON body. When there is none worth reading, answers and returns null. */
export async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<{ readonly value: unknown } | null> {
  const bytes = await readBody(request, BODY_BYTES_MAX);
  if (bytes === null) {
    response.shouldKeepAlive = false;
    answerError(response, 413, 'body_too_large', `at most ${BODY_BYTES_MAX} bytes`);
    return null;
  }
  try {
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    answerError(response, 400, 'invalid_json', 'the body is not JSON', 'body');
    return null;
  }
}
