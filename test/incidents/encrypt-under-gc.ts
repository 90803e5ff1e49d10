/**
 * A process that does nothing but seal, open and fingerprint through a real token while garbage is collected all the time, and looks at
 * every byte that comes back. Started by `hsm.test.ts` with `--expose-gc`; arguments: module, PIN file, how many.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { Pkcs11Keyring } from '../../src/hsm/pkcs11/pkcs11-keyring.ts';

const [module, pinFile, wanted] = process.argv.slice(2) as [string, string, string];
const COUNT = Number(wanted);
/** A young collection this often, a whole one this seldom: buffers that nobody holds are gone, and their memory is used again. */
const YOUNG_EVERY = 16;
const WHOLE_EVERY = 8192;
/** Ciphertexts kept, so that a buffer written after its time is seen. */
const KEPT = 64;

const collect = (globalThis as { gc?: (options?: { type: 'minor' }) => void }).gc;
if (collect === undefined) throw new Error('start with --expose-gc');

const keyring = new Pkcs11Keyring({ module, tokenLabel: 'vault', pinFile });
const sealing = { label: 'under-gc', id: randomBytes(16) };
const printing = { label: 'under-gc-mac', id: randomBytes(16) };
keyring.createKey(sealing, 'seal');
keyring.createKey(printing, 'fingerprint');

interface Sealed {
  plain: Buffer;
  aad: Buffer;
  iv: Uint8Array;
  ciphertext: Uint8Array;
  copy: string;
}

let encrypts = 0;
let wrong = 0;
const kept: Sealed[] = [];
/** One block and what it must always become. */
const block = randomBytes(16);
const print = hex(keyring.encryptBlocks(printing, block));

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Buffers of a length that changes, thrown away at once. */
function litter(): number {
  return Buffer.alloc(1 + (encrypts % 4096), 0xff).length;
}

function sealOne(): void {
  const plain = randomBytes(16 + (encrypts % 256));
  const aad = randomBytes(encrypts % 48);
  const { iv, ciphertext } = keyring.seal(sealing, Uint8Array.from(plain), Uint8Array.from(aad));
  kept.push({ plain, aad, iv, ciphertext, copy: hex(ciphertext) });
}

/** Opened long after it was sealed: by then a module that still wrote to it, or read what was freed, has betrayed itself. */
function openOldest(): void {
  const { plain, aad, iv, ciphertext, copy } = kept.shift()!;
  if (hex(ciphertext) !== copy || hex(keyring.open(sealing, iv, ciphertext, aad)) !== hex(plain)) wrong++;
}

while (encrypts < COUNT) {
  sealOne();
  const prints = hex(keyring.encryptBlocks(printing, Buffer.concat([block, block])));
  if (prints !== print + print) wrong++;
  encrypts += 2;
  litter();
  if (encrypts % YOUNG_EVERY === 0) collect({ type: 'minor' });
  if (encrypts % WHOLE_EVERY === 0) collect();
  if (kept.length > KEPT) openOldest();
}
while (kept.length > 0) openOldest();
keyring.destroyKey(sealing);
keyring.destroyKey(printing);
process.stdout.write(JSON.stringify({ encrypts, wrong }));
