/**
 * Report file: the bytes of a report, known by their SHA-256 before a row is read, and the same bytes when they are.
 *
 * What is no file of its own (standard input, a pipe, pages of an API) is first written to one that has no name: nobody else can open it,
 * and it is gone with the process, however that ends.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ReportRefused } from './report.ts';

export interface ReportFile {
  /** As it was named: a path, `-`, or `api`. */
  name: string;
  /** SHA-256, hex. */
  digest: string;
  sizeBytes: number;
  /**
   * Its text's bytes, unpacked. Rejects with {@link ReportRefused} when it ends too soon, or is not what was digested.
   * @param onBytes hears how far in the file it has come
   */
  bytes(onBytes?: (bytes: number) => void): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const SIDECAR_BYTES_MAX = 64 * 1024;

/** Opens a file, or spools what is none. Throws {@link ReportRefused}. */
export async function openReportFile(
  path: string,
  { sha256, spoolDirectory }: { sha256: string | null; spoolDirectory: string },
): Promise<ReportFile> {
  if (path === '-') {
    return checked(await spool(process.stdin, spoolDirectory, '-'), [sha256]);
  }
  try {
    const known = [sha256, await sidecarOf(path)];
    const handle = await open(path, 'r');
    const file = (await isPlainFile(handle))
      ? await digested(path, handle)
      : await spool(handle.createReadStream(), spoolDirectory, path);
    return await checked(file, known);
  } catch (error) {
    throw isSystemError(error) ? new ReportRefused('unreadable', `${path}: ${error.code}`) : error;
  }
}

/** Writes bytes to a file without a name and opens that. Rejects with what the bytes reject with, or names the folder. */
export async function spool(
  bytes: AsyncIterable<Uint8Array>,
  directory: string,
  name: string,
): Promise<ReportFile> {
  const path = join(directory, `report-${randomBytes(8).toString('hex')}.tmp`);
  const handle = await kept(directory, open(path, 'wx+', 0o600));
  try {
    await kept(directory, unlink(path));
    for await (const chunk of bytes) await kept(directory, handle.writeFile(chunk));
    return await digested(name, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What the folder for spooled reports does not take is none of the report's faults. */
async function kept<Done>(directory: string, work: Promise<Done>): Promise<Done> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `a report cannot be kept in ${directory} while it is read: ${code}; TMPDIR names the folder`,
    );
  }
}

async function isPlainFile(handle: FileHandle): Promise<boolean> {
  return (await handle.stat()).isFile();
}

async function digested(name: string, handle: FileHandle): Promise<ReportFile> {
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let sizeBytes = 0;
    let isGzip = false;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, sizeBytes);
      if (bytesRead === 0) break;
      if (sizeBytes === 0) isGzip = buffer.subarray(0, bytesRead).indexOf(GZIP_MAGIC) === 0;
      hash.update(buffer.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
    const file: Digested = { name, digest: hash.digest('hex'), sizeBytes, handle };
    return {
      name,
      digest: file.digest,
      sizeBytes,
      bytes: (onBytes = () => undefined) => (isGzip ? unpacked(file, onBytes) : sameBytes(file, onBytes)),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Digested extends Pick<ReportFile, 'name' | 'digest' | 'sizeBytes'> {
  handle: FileHandle;
}

/** The same bytes again: a file that somebody has written to since is found out at its end, before anything is posted. */
async function* sameBytes(
  { name, digest, sizeBytes, handle }: Digested,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for (let done = 0; ; ) {
    // A buffer for each chunk, because who reads keeps parts of it. At the end one byte is asked for that should not be there.
    const length = Math.min(CHUNK_BYTES, Math.max(1, sizeBytes - done));
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(length), 0, length, done);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    done += bytesRead;
    onBytes(done);
    yield chunk;
  }
  if (hash.digest('hex') !== digest) {
    throw new ReportRefused('unreadable', `${name}: it changed while it was read`);
  }
}

async function* unpacked(file: Digested, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // An error of either comes out of the loop below.
  pipeline(Readable.from(sameBytes(file, onBytes)), gunzip, () => undefined);
  try {
    yield* gunzip;
  } catch (error) {
    throw unpackingRefused(file.name, error);
  }
  if (gunzip.bytesWritten !== file.sizeBytes) {
    throw new ReportRefused('unreadable', `${file.name}: something follows the end of its gzip`);
  }
}

function unpackingRefused(name: string, error: unknown): unknown {
  if (!isSystemError(error) || !error.code.startsWith('Z_')) return error;
  return error.code === 'Z_BUF_ERROR'
    ? new ReportRefused('truncated', `${name}: its gzip is cut off`)
    : new ReportRefused('unreadable', `${name}: its gzip is broken (${error.message})`);
}

/** The file when its digest is each that is known of it. */
async function checked(file: ReportFile, known: readonly (string | null)[]): Promise<ReportFile> {
  const wrong = known.find((one) => one !== null && one.toLowerCase() !== file.digest);
  if (wrong === undefined) return file;
  await file.close();
  throw new ReportRefused('checksum_differs', `${file.name}: its SHA-256 is ${file.digest}, not ${wrong}`);
}

/** `HEX  NAME` or `HEX *NAME`, as sha256sum writes it; a digest alone is one too. */
const SIDECAR_LINE = /^([0-9a-fA-F]{64})(?: [ *](.+))?$/;

/** What the file `PATH.sha256` beside a report says of it; null: there is none. */
async function sidecarOf(path: string): Promise<string | null> {
  const name = `${path}.sha256`;
  const text = await sidecarText(name);
  if (text === null) return null;
  for (const line of text.split(/\r?\n/)) {
    const [, digest, file] = SIDECAR_LINE.exec(line.trimEnd()) ?? [];
    if (digest !== undefined && (file === undefined || basename(file) === basename(path))) return digest;
  }
  throw new ReportRefused('checksum_differs', `${name}: it has no SHA-256 of ${basename(path)}`);
}

async function sidecarText(name: string): Promise<string | null> {
  try {
    const bytes = await readFile(name);
    return bytes.length > SIDECAR_BYTES_MAX ? '' : bytes.toString();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return null;
    throw new ReportRefused('unreadable', `${name}: ${error.code}`);
  }
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    !(error instanceof ReportRefused)
  );
}
