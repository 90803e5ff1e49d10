/**
 * The tokenizer over a real SoftHSM and a vault store in memory.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CardDetails, HsmOptions, HsmRefusal, TokenizedCard, Tokenizer } from './hsm.ts';
import { cardRecord, pageText, placeOf } from './page.ts';
import { ensureSoftHsmTokens } from './soft-hsm-tokens.ts';
import { MemoryVault } from './testing/memory-vault.ts';
import { createTokenizer } from './tokenizer.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PANS = [
  '4111111111111111',
  '5555555555554444',
  '378282246310005',
  '4000000000000002',
  '4242424242424242',
];
const CVV = '7391';

let directory: string;
let options: HsmOptions;
const opened: Tokenizer[] = [];

beforeAll(async () => {
  if (!existsSync(MODULE)) throw new Error(`${MODULE} is missing: install softhsm2`);
  directory = await mkdtemp(join(tmpdir(), 'sluice-tokenizer-'));
  const { confFile, pinFiles } = await ensureSoftHsmTokens({ module: MODULE, directory });
  process.env.SOFTHSM2_CONF = confFile;
  options = {
    module: MODULE,
    tokenLabel: 'vault',
    pinFile: pinFiles.vault,
    threads: 1,
    pageCardsMax: 64,
    callTimeoutMs: 10_000,
  };
});

afterAll(async () => {
  for (const tokenizer of opened) await tokenizer.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(vault: MemoryVault, change: Partial<HsmOptions> = {}): Promise<Tokenizer> {
  const tokenizer = await createTokenizer({ ...options, ...change }, vault);
  opened.push(tokenizer);
  return tokenizer;
}

describe('a page', () => {
  it('is committed before its tokens are released', async () => {
    const vault = new MemoryVault();
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    vault.beforeAppend = () => {
      reached.resolve();
      return gate.promise;
    };
    const tokenizer = await start(vault);
    let released = false;
    const token = tokenizer.tokenize(card(PANS[0]!), inMs(20_000)).finally(() => {
      released = true;
    });
    await reached.promise;
    await new Promise(setImmediate);
    expect(released).toBe(false);
    gate.resolve();
    const sealed = sealedOf(await token);
    expect(vault.pages.size).toBe(1);
    expect(sealed).toMatchObject({
      brand: 'VISA',
      masked: '411111****1111',
      bin: '411111',
      last4: '1111',
      expiryMonth: 12,
      expiryYear: 2030,
    });
    expect(sealed.token).toMatch(/^tok_[0-9a-f]{34}$/);
  });

  it('takes at most 64 cards under load, and every token opens', async () => {
    const vault = new MemoryVault();
    const tokenizer = await start(vault);
    const pans = Array.from({ length: 300 }, (_, i) => PANS[i % PANS.length]!);
    const answers = await Promise.all(pans.map((pan) => tokenizer.tokenize(card(pan), inMs(20_000))));
    const sizes = [...vault.pages.values()].map((page) => page.cardCount);
    expect(sizes).toEqual([64, 64, 64, 64, 44]);
    expect(new Set(answers.map((answer) => sealedOf(answer).token)).size).toBe(300);
    for (const [index, answer] of answers.entries()) {
      if (index % 37 !== 0) continue;
      expect(await openText(tokenizer, sealedOf(answer).token)).toBe(pans[index]);
    }
  });

  it('is one card in strict mode, committed many at once', async () => {
    const vault = new MemoryVault();
    const tokenizer = await start(vault, { pageCardsMax: 1 });
    await Promise.all(Array.from({ length: 70 }, () => tokenizer.tokenize(card(PANS[0]!), inMs(20_000))));
    expect(vault.pages.size).toBe(70);
    expect([...vault.pages.values()].every((page) => page.cardCount === 1)).toBe(true);
    expect(vault.appends).toEqual([64, 6]);
  });

  it('holds no PAN that can be read, and no CVV at all', async () => {
    const vault = new MemoryVault();
    const tokenizer = await start(vault);
    await Promise.all(PANS.map((pan) => tokenizer.tokenize(card(pan), inMs(20_000))));
    for (const page of vault.pages.values()) {
      const bytes = Buffer.from(page.ciphertext);
      for (const pan of PANS) expect(bytes.includes(pan)).toBe(false);
      expect(bytes.includes('Asha')).toBe(false);
    }
    expect(Buffer.from(pageText([cardRecord(card(PANS[0]!))])).includes(CVV)).toBe(false);
  });

  it('does not open under another page id or key version, or with a changed byte', async () => {
    const vault = new MemoryVault();
    const tokenizer = await start(vault, { pageCardsMax: 1 });
    const [one, two] = await Promise.all([
      tokenizer.tokenize(card(PANS[0]!), inMs(20_000)),
      tokenizer.tokenize(card(PANS[1]!), inMs(20_000)),
    ]);
    const token = sealedOf(one).token;
    const key = Buffer.from(placeOf(token)!.pageId).toString('hex');
    const page = vault.pages.get(key)!;
    const other = vault.pages.get(Buffer.from(placeOf(sealedOf(two).token)!.pageId).toString('hex'))!;
    const flipped = Uint8Array.from(page.ciphertext);
    flipped[5]! ^= 1;
    vault.keys.set(9, { ...vault.keys.get(1)!, keyVersion: 9 });
    for (const forged of [
      { ...other, pageId: page.pageId },
      { ...page, keyVersion: 9 },
      { ...page, ciphertext: flipped },
    ]) {
      vault.pages.set(key, forged);
      expect(await tokenizer.open(token, 'test', 'tester')).toMatchObject({ refused: 'hsm_unavailable' });
      expect(vault.openings.at(-1)?.outcome).toBe('hsm_unavailable');
    }
    vault.pages.set(key, page);
    expect(await openText(tokenizer, token)).toBe(PANS[0]);
  });
});

describe('waiting', () => {
  it('is bounded', async () => {
    const vault = new MemoryVault();
    const gate = Promise.withResolvers<void>();
    vault.beforeAppend = () => gate.promise;
    const tokenizer = await start(vault, { waitingCardsMax: 10 });
    const first = tokenizer.tokenize(card(PANS[0]!), inMs(20_000));
    await vi.waitFor(() => expect(tokenizer.health().waitingCards).toBe(0));
    const waiting = Array.from({ length: 10 }, () => tokenizer.tokenize(card(PANS[0]!), inMs(20_000)));
    expect(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000))).toMatchObject({ refused: 'hsm_busy' });
    gate.resolve();
    for (const answer of await Promise.all([first, ...waiting])) sealedOf(answer);
  });

  it('ends at the deadline, and says what it waited for', async () => {
    const vault = new MemoryVault();
    const gate = Promise.withResolvers<void>();
    vault.beforeAppend = () => gate.promise;
    const tokenizer = await start(vault);
    const committing = tokenizer.tokenize(card(PANS[0]!), inMs(300));
    await vi.waitFor(() => expect(tokenizer.health().waitingCards).toBe(0));
    const waiting = tokenizer.tokenize(card(PANS[0]!), inMs(100));
    expect(await waiting).toMatchObject({ refused: 'hsm_busy' });
    expect(await committing).toMatchObject({ refused: 'vault_unavailable' });
    gate.resolve();
  });

  it('is refused when the commit fails, and the next page goes through', async () => {
    const vault = new MemoryVault();
    vault.beforeAppend = () => Promise.reject(new Error('no database'));
    const tokenizer = await start(vault);
    expect(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000))).toMatchObject({
      refused: 'vault_unavailable',
    });
    expect(tokenizer.health()).toMatchObject({ status: 'degraded', failure: 'vault_unavailable' });
    vault.beforeAppend = async () => undefined;
    sealedOf(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000)));
    expect(tokenizer.health().status).toBe('ok');
  });

  it('is refused after close', async () => {
    const tokenizer = await start(new MemoryVault());
    await tokenizer.close();
    expect(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000))).toMatchObject({
      refused: 'hsm_unavailable',
    });
  });
});

describe('fingerprint', () => {
  it('is one for a PAN, whoever typed it, and differs between PANs', async () => {
    const vault = new MemoryVault();
    const [one, two] = [await start(vault), await start(vault)];
    const asha = sealedOf(await one.tokenize(card(PANS[0]!, 'Asha Rao'), inMs(20_000)));
    const ravi = sealedOf(await two.tokenize(card(PANS[0]!, 'R. Iyer'), inMs(20_000)));
    const other = sealedOf(await two.tokenize(card(PANS[4]!, 'R. Iyer'), inMs(20_000)));
    expect(asha.fingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect(ravi.fingerprint).toBe(asha.fingerprint);
    expect(other.fingerprint).not.toBe(asha.fingerprint);
  });

  it('has one key when several gateways start a vault at once', async () => {
    const vault = new MemoryVault();
    const tokenizers = await Promise.all([start(vault), start(vault), start(vault)]);
    const answers = await Promise.all(tokenizers.map((each) => each.tokenize(card(PANS[2]!), inMs(20_000))));
    expect(new Set(answers.map((answer) => sealedOf(answer).fingerprint)).size).toBe(1);
    expect([...vault.keys.keys()].sort()).toEqual([0, 1]);
    for (const answer of answers)
      expect(await openText(tokenizers[0]!, sealedOf(answer).token)).toBe(PANS[2]);
  });
});

describe('opening', () => {
  it('writes its audit row before the PAN is returned', async () => {
    const vault = new MemoryVault();
    const tokenizer = await start(vault);
    const { token } = sealedOf(await tokenizer.tokenize(card(PANS[3]!), inMs(20_000)));
    expect(await openText(tokenizer, token)).toBe(PANS[3]);
    expect(vault.openings).toMatchObject([{ slot: 0, purpose: 'test', actor: 'tester', outcome: 'opened' }]);
    vault.beforeOpening = () => Promise.reject(new Error('no database'));
    expect(await tokenizer.open(token, 'test', 'tester')).toMatchObject({ refused: 'vault_unavailable' });
  });

  it.each([
    ['another form', 'tok_zz'],
    ['no such page', `tok_${'0'.repeat(34)}`],
  ])('refuses %s', async (_, token) => {
    const tokenizer = await start(new MemoryVault());
    expect(await tokenizer.open(token, 'test', 'tester')).toMatchObject({ refused: 'token_unknown' });
  });

  it('refuses a slot the page does not have', async () => {
    const tokenizer = await start(new MemoryVault());
    const { token } = sealedOf(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000)));
    const wrong = `${token.slice(0, -2)}01`;
    expect(await tokenizer.open(wrong, 'test', 'tester')).toMatchObject({ refused: 'token_unknown' });
  });
});

it('makes a new key before the old one is used up, and opens pages of both', async () => {
  const vault = new MemoryVault();
  const tokenizer = await start(vault, { keySealsMax: 64, pageCardsMax: 1 });
  const tokens: string[] = [];
  for (let i = 0; i < 3; i++) {
    const round = Array.from({ length: 30 }, () => tokenizer.tokenize(card(PANS[1]!), inMs(20_000)));
    tokens.push(...(await Promise.all(round)).map((answer) => sealedOf(answer).token));
  }
  const versions = [...vault.pages.values()].map((page) => page.keyVersion);
  expect(new Set(versions)).toEqual(new Set([1, 2]));
  for (const key of vault.keys.values()) expect(key.sealed).toBeLessThanOrEqual(64);
  expect(vault.keys.get(1)?.retired).toBe(true);
  expect(await openText(tokenizer, tokens[0]!)).toBe(PANS[1]);
  expect(await openText(tokenizer, tokens.at(-1)!)).toBe(PANS[1]);
});

describe('a start', () => {
  it.each([
    ['a module that is not there', { module: '/nowhere/pkcs11.so' }, 'module_not_loaded'],
    ['a label no token has', { tokenLabel: 'elsewhere' }, 'token_not_found'],
    ['a PIN file that is not there', { tokenLabel: 'config', pinFile: '/nowhere/pin' }, 'pin_refused'],
    ['the stand-in in live mode', { module: 'software', mode: 'live' as const }, 'software_in_live_mode'],
  ])('is refused with %s', async (_, change, code) => {
    await expect(createTokenizer({ ...options, ...change }, new MemoryVault())).rejects.toMatchObject({
      code,
    });
  });

  it('works with the stand-in of development, loudly', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const tokenizer = await start(new MemoryVault(), { module: 'software', pinFile: join(directory, 'dev') });
    expect(String(stderr.mock.calls[0]?.[0])).toMatch(/WARNING.*Development only/);
    stderr.mockRestore();
    const { token } = sealedOf(await tokenizer.tokenize(card(PANS[0]!), inMs(20_000)));
    expect(await openText(tokenizer, token)).toBe(PANS[0]);
  });
});

function card(pan: string, name = 'Asha Rao'): CardDetails {
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  return { pan: ascii(pan), expiryMonth: 12, expiryYear: 2030, cvv: ascii(CVV), cardholderName: ascii(name) };
}

function inMs(ms: number): number {
  return Number(process.hrtime.bigint()) / 1e6 + ms;
}

function sealedOf(answer: TokenizedCard | HsmRefusal): TokenizedCard {
  if ('refused' in answer) throw new Error(`${answer.refused}: ${answer.detail}`);
  return answer;
}

async function openText(tokenizer: Tokenizer, token: string): Promise<string> {
  const pan = await tokenizer.open(token, 'test', 'tester');
  if ('refused' in pan) throw new Error(`${pan.refused}: ${pan.detail}`);
  return new TextDecoder().decode(pan);
}
