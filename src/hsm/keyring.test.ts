/**
 * One contract for both keyrings, and what only a token promises. The module is loaded in this thread.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bcdOf, cmacOfShort, cmacSubkeys, fingerprintsOf } from './fingerprint.ts';
import type { KeyName, Keyring } from './keyring.ts';
import { pageIdOf, placeOf, tokenOf } from './page.ts';
import { readSealed } from './pkcs11/cipher.ts';
import { findKey } from './pkcs11/keys.ts';
import { Pkcs11Keyring } from './pkcs11/pkcs11-keyring.ts';
import { Pkcs11Session, type SessionOptions } from './pkcs11/session.ts';
import { ensureSoftHsmTokens } from './soft-hsm-tokens.ts';
import { SoftwareKeyring } from './software/software-keyring.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const run = promisify(execFile);

let directory: string;
let options: SessionOptions;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-keyring-'));
  const { confFile, pinFiles } = await ensureSoftHsmTokens({ module: MODULE, directory });
  process.env.SOFTHSM2_CONF = confFile;
  options = { module: MODULE, tokenLabel: 'vault', pinFile: pinFiles.vault };
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each([
  ['PKCS#11', () => new Pkcs11Keyring(options)],
  ['software', () => new SoftwareKeyring(join(directory, 'dev'), 'vault')],
] as [string, () => Keyring][])('the keyring of %s', (_, open) => {
  const key: KeyName = { label: 'contract', id: bytes('11'.repeat(16)) };

  it('opens what it sealed, with the same key, IV and additional data only', () => {
    const keyring = open();
    keyring.createKey(key, 'seal');
    const sealed = keyring.seal(key, text('page'), text('aad'));
    expect(sealed.ciphertext.length).toBe(4 + 16);
    expect(open().open(key, sealed.iv, sealed.ciphertext, text('aad'))).toEqual(text('page'));
    const refused = expect.objectContaining({ code: 'sealed_data_refused' });
    expect(() => keyring.open(key, sealed.iv, sealed.ciphertext, text('aax'))).toThrow(refused);
    expect(() => keyring.open(key, new Uint8Array(12), sealed.ciphertext, text('aad'))).toThrow(refused);
    expect(() => keyring.open(key, sealed.iv, sealed.ciphertext.fill(0), text('aad'))).toThrow(refused);
  });

  it('never uses an IV twice', () => {
    const keyring = open();
    const ivs = Array.from({ length: 200 }, () => keyring.seal(key, text('x'), text('')).iv);
    expect(new Set(ivs.map((iv) => Buffer.from(iv).toString('hex'))).size).toBe(200);
  });

  it('lists and destroys keys by label and id', () => {
    const keyring = open();
    const other: KeyName = { label: 'contract', id: bytes('01'.repeat(16)) };
    keyring.createKey(other, 'seal');
    expect(keyring.keyIds('contract')).toEqual([other.id, key.id]);
    keyring.destroyKey(other);
    expect(keyring.keyIds('contract')).toEqual([key.id]);
    const missing = expect.objectContaining({ code: 'key_missing' });
    expect(() => keyring.seal(other, text('x'), text(''))).toThrow(missing);
  });

  it('encrypts blocks one by one', () => {
    const keyring = open();
    const mac: KeyName = { label: 'contract-mac', id: bytes('22'.repeat(16)) };
    keyring.createKey(mac, 'fingerprint');
    const both = keyring.encryptBlocks(mac, new Uint8Array(32));
    expect(both.length).toBe(32);
    expect(both.subarray(0, 16)).toEqual(both.subarray(16));
  });
});

describe('a key of the token', () => {
  it('cannot be read, and the fingerprint key cannot decrypt', () => {
    const keyring = new Pkcs11Keyring(options);
    const name: KeyName = { label: 'kept', id: bytes('33'.repeat(16)) };
    keyring.createKey(name, 'fingerprint');
    new Pkcs11Session(options, () => undefined).run((library, session) => {
      const handle = findKey(library, session, name);
      expect(() => library.C_GetAttributeValue(session, handle, [{ type: pkcs11js.CKA_VALUE }])).toThrow(
        'CKR_ATTRIBUTE_SENSITIVE',
      );
      expect(() => library.C_DecryptInit(session, { mechanism: pkcs11js.CKM_AES_ECB }, handle)).toThrow(
        'CKR_',
      );
    });
  });

  it('agrees with the CMAC of the module', () => {
    const session = new Pkcs11Session(options, () => undefined);
    const name: KeyName = { label: 'cmac', id: bytes('44'.repeat(16)) };
    session.run((library, handle) => {
      const key = library.C_GenerateKey(handle, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_AES },
        { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
        { type: pkcs11js.CKA_LABEL, value: name.label },
        { type: pkcs11js.CKA_ID, value: Buffer.from(name.id) },
        { type: pkcs11js.CKA_ENCRYPT, value: true },
        { type: pkcs11js.CKA_SIGN, value: true },
      ]);
      const encryptBlocks = (blocks: Uint8Array): Uint8Array => {
        library.C_EncryptInit(handle, { mechanism: pkcs11js.CKM_AES_ECB }, key);
        return Uint8Array.from(
          library.C_Encrypt(handle, Buffer.from(blocks), Buffer.alloc(blocks.length + 16)),
        );
      };
      const pans = ['4111111111111111', '378282246310005'].map(text);
      const ours = fingerprintsOf(pans, cmacSubkeys(encryptBlocks), encryptBlocks);
      for (const [index, pan] of pans.entries()) {
        library.C_SignInit(handle, { mechanism: pkcs11js.CKM_AES_CMAC }, key);
        const theirs = library.C_Sign(handle, Buffer.from(bcdOf(pan)), Buffer.alloc(16));
        expect(ours[index]).toEqual(Uint8Array.from(theirs));
      }
    });
  });
});

it('a session that was closed behind its back is opened again, with its login', () => {
  let lost = 0;
  const session = new Pkcs11Session(options, () => lost++);
  session.run((library, handle) => library.C_CloseSession(handle));
  const info = session.run((library, handle) => library.C_GetSessionInfo(handle));
  expect(info.state).toBe(3); // CKS_RW_USER_FUNCTIONS
  expect(lost).toBe(1);
});

it('a keyring finds its keys again after the process was logged out', () => {
  const name: KeyName = { label: 'contract', id: bytes('11'.repeat(16)) };
  const keyring = new Pkcs11Keyring(options);
  const session = new Pkcs11Session(options, () => undefined);
  for (const known of [false, true]) {
    if (known) keyring.seal(name, text('x'), text(''));
    session.run((library, handle) => library.C_Logout(handle));
    expect(keyring.seal(name, text('x'), text('')).ciphertext.length).toBe(17);
  }
});

it('a wrong PIN is tried once and not again, because tokens lock', async () => {
  const pinFile = join(directory, 'wrong.pin');
  await writeFile(pinFile, '000000');
  const keyring = new Pkcs11Keyring({ ...options, tokenLabel: 'config', pinFile });
  const refused = expect.objectContaining({ code: 'pin_refused' });
  expect(() => keyring.keyIds('any')).toThrow(refused);
  await writeFile(pinFile, await readFile(join(directory, 'config.pin')));
  expect(() => keyring.keyIds('any')).toThrow(refused);
  expect(new Pkcs11Keyring({ ...options, tokenLabel: 'config', pinFile }).keyIds('any')).toEqual([]);
});

describe('CMAC (RFC 4493, section 4)', () => {
  const key = bytes('2b7e151628aed2a6abf7158809cf4f3c');
  const encryptBlocks = (blocks: Uint8Array): Uint8Array => {
    const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    return Uint8Array.from(Buffer.concat([cipher.update(blocks), cipher.final()]));
  };

  it('makes the subkeys', () => {
    expect(cmacSubkeys(encryptBlocks)).toEqual({
      k1: bytes('fbeed618357133667c85e08f7236a8de'),
      k2: bytes('f7ddac306ae266ccf90bc11ee46d513b'),
    });
  });

  it('makes the MACs of the empty message and of one block, in one call', () => {
    let calls = 0;
    const counted = (blocks: Uint8Array): Uint8Array => {
      calls++;
      return encryptBlocks(blocks);
    };
    const messages = [bytes(''), bytes('6bc1bee22e409f96e93d7e117393172a')];
    expect(cmacOfShort(messages, cmacSubkeys(encryptBlocks), counted)).toEqual([
      bytes('bb1d6929e95937287fa37d129b756746'),
      bytes('070a16b46b4d4144f79bdd9dd04a287c'),
    ]);
    expect(calls).toBe(1);
  });

  it('packs digits so that no two PANs share their bytes', () => {
    expect(bcdOf(text('378282246310005'))).toEqual(bytes('378282246310005f'));
    expect(bcdOf(text('4111111111111111'))).toEqual(bytes('4111111111111111'));
  });
});

describe('the IV of a seal', () => {
  const ours = bytes('00'.repeat(12));
  const theirs = bytes('77'.repeat(12));
  const ciphertext = bytes('ab'.repeat(4 + 16));
  it.each([
    ['taken from us', ours, ciphertext, ours, 'caller'],
    ['written back by the module', theirs, ciphertext, theirs, 'module'],
    ['appended by the module', ours, Buffer.concat([ciphertext, theirs]), theirs, 'module'],
  ])('%s', (_, after, output, iv, ivMadeBy) => {
    expect(readSealed(4, ours, after, output)).toEqual({ iv, ciphertext, ivMadeBy });
  });

  it('is refused when the tag is missing', () => {
    expect(() => readSealed(4, ours, ours, ciphertext.subarray(4))).toThrow('probe_failed');
  });
});

it('a token names page and slot', () => {
  const pageId = pageIdOf(1_795_000_000_000, bytes('ff'.repeat(10)));
  expect(Buffer.from(pageId).toString('hex')).toBe('01a1ee565e007fffbfffffffffffffff');
  expect(placeOf(tokenOf(pageId, 63))).toEqual({ pageId, slot: 63 });
});

describe('the tokens of the embedded profile', () => {
  it('keep their PINs for their owner and their keys over the next start', async () => {
    const again = await ensureSoftHsmTokens({ module: MODULE, directory });
    for (const file of [again.pinFiles.vault, `${again.pinFiles.config}.so`]) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    expect(new Pkcs11Keyring(options).keyIds('contract').length).toBe(1);
  });

  it('are finished when a start was cut off between token and user PIN', async () => {
    const halfMade = await mkdtemp(join(directory, 'half-'));
    const first = await ensureSoftHsmTokens({ module: MODULE, directory: halfMade });
    await rm(join(halfMade, 'tokens'), { recursive: true });
    await mkdir(join(halfMade, 'tokens'));
    const initOnly = `
      import pkcs11js from 'pkcs11js';
      import { readFileSync } from 'node:fs';
      const library = new pkcs11js.PKCS11();
      library.load(process.argv[1]);
      library.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
      library.C_InitToken(library.C_GetSlotList(true)[0], readFileSync(process.argv[2], 'utf8').trim(), 'vault'.padEnd(32));`;
    const env = { ...process.env, SOFTHSM2_CONF: first.confFile };
    const officerPin = `${first.pinFiles.vault}.so`;
    await run(process.execPath, ['--input-type=module', '-e', initOnly, MODULE, officerPin], { env });
    await ensureSoftHsmTokens({ module: MODULE, directory: halfMade });
    const { stdout } = await run('softhsm2-util', ['--show-slots'], { env });
    expect(stdout.match(/User PIN init.: +yes/g)).toHaveLength(2);
    expect(stdout.match(/Label: +(vault|config)/g)).toHaveLength(2);
  });
});
