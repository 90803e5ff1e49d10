/**
 * Codec: envelopes to bytes and back, for the way between threads.
 *
 * One buffer carries all envelopes of a post: a version byte, then msgpackr records. The usual shapes are known on both ends
 * (shapes.ts), a buffer describes all others, so each can be read alone, by any thread, in any order. msgpackr beats
 * structured clone from some tens of envelopes a post (bench/post.bench.ts), and a transferred buffer is moved, not copied.
 *
 * Promises: what `decode` returns has the shape of envelopes, or it throws. `undefined` fields, byte arrays and
 * integers beyond 32 bits survive; `-0` becomes 0. Bodies are plain data, checked by whoever reads them.
 *
 * @module
 */

import { Packr } from 'msgpackr';
import { OUTCOMES, type Refusal } from '../domain/outcomes.ts';
import type { Envelope } from './envelope.ts';
import { shapes } from './shapes.ts';

const VERSION = 2;

/** What was read is not envelopes of this version: both ends of a channel run the same program, so something broke. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
  readonly code = 'codec_error';
}

const known = shapes();
/** No shape but the known ones is remembered from one buffer to the next. */
const packr = new Packr({
  useRecords: true,
  moreTypes: true,
  copyBuffers: true,
  structures: known,
  maxSharedStructures: known.length,
});

/** Writes envelopes into a buffer of their own, which may be transferred. */
export function encode(envelopes: readonly Envelope[]): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(envelopes);
  const bytes = new Uint8Array(packed.byteLength + 1);
  bytes[0] = VERSION;
  bytes.set(packed, 1);
  return bytes;
}

/**
 * Reads what {@link encode} wrote.
 * @throws CodecError when the version, the bytes or the shape of an envelope are not ours
 */
export function decode(bytes: Uint8Array): Envelope[] {
  if (bytes[0] !== VERSION) throw new CodecError(`version ${bytes[0]} of the codec is not ${VERSION}`);
  const envelopes = unpack(bytes.subarray(1));
  if (!Array.isArray(envelopes)) throw new CodecError('a post carries an array of envelopes');
  for (const envelope of envelopes) {
    if (!isEnvelope(envelope)) throw new CodecError('an envelope does not have its shape');
  }
  return envelopes;
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new CodecError('the bytes are not msgpack', { cause });
  }
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, id, service, shard, deadline, refusal } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(id)) return false;
  if (kind === 'reply') return true;
  if (kind === 'failure') return isRefusal(refusal);
  return (
    kind === 'ask' &&
    typeof service === 'string' &&
    Number.isSafeInteger(shard) &&
    typeof deadline === 'number'
  );
}

function isRefusal(value: unknown): value is Refusal {
  if (typeof value !== 'object' || value === null) return false;
  const { code, detail } = value as Record<string, unknown>;
  return typeof code === 'string' && Object.hasOwn(OUTCOMES, code) && typeof detail === 'string';
}
