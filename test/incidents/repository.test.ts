/**
 * What must not be in the repository: credentials that work (incident 25), and checks whose promise nobody waits for (incident 19).
 *
 * Each scan is proved first on what it must find.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { luhnValid } from '../../src/domain/card.ts';
import { PUBLISHED_CARDS } from '../support/published-cards.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Every file a clone has or is about to have, load tests and benches like all others. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '');

/** What keys that open something look like, by who gives them out. */
const KEYS: ReadonlyArray<readonly [string, RegExp]> = [
  ['a Sluice or Stripe key', /\b[srp]k_(?:live|test)_[A-Za-z0-9_-]{16,}/g],
  ['a Razorpay key', /\brzp_(?:live|test)_[A-Za-z0-9]{8,}/g],
  ['a webhook secret', /\bwhsec_[A-Za-z0-9+/=_-]{16,}/g],
  ['a sandbox bank key', /\bbank_sk_[A-Za-z0-9]{12,}/g],
  ['a key of a cloud', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}/g],
  ['a token of a forge or a chat', /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,})/g],
  ['a token of a registry', /\bnpm_[A-Za-z0-9]{30,}|_authToken\s*=\s*[\w-]+/g],
  ['a signed token', /\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}/g],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20,}/g],
  ['a password in an address', /\b[a-z][a-z0-9+]{2,}:\/\/[\w.-]+:[^\s:@/'"`${}<>]{6,}@[\w.-]+/g],
];

/** What only looks like one: secrets of the Standard Webhooks specification and its package, the key of Razorpay's documents, ids of tests, digits that count up, addresses to be refused. */
const NO_SECRETS: ReadonlySet<string> = new Set([
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'sk_live_0123456789abcdef0123456789abcdef',
  'sk_test_0123456789abcdef0123456789abcdef',
  'rzp_test_1DP5mmOlF5G5ag',
  'rzp_live_1DP5mmOlF5G5ag',
  'rzp_test_bank0000000001',
  'rzp_test_Hostile0000001',
  'rzp_test_SluiceWorld001',
  'https://user:password@pay.example',
  'mysql://root:hunter2@db',
]);

function keysIn(text: string): string[] {
  return KEYS.flatMap(([what, pattern]) =>
    [...text.matchAll(pattern)].filter(([key]) => !NO_SECRETS.has(key)).map(() => what),
  );
}

/** Ranges that no issuer gives out: those of the networks' test cards and of the sandbox bank. */
const TEST_RANGES =
  /^(400000|401288|411111|424242|555555|510510|222300|378282|371449|601111|601100|305693|385200|353011|356600|620000)/;

/** Card numbers written in groups, as people write them; `tidy.test.ts` looks for those in one piece. */
function groupedCardsIn(text: string): string[] {
  const groups = text.matchAll(
    /(?<![\w.:-])[2-6]\d{3}[ _.-]\d{4,6}[ _.-]\d{4,5}(?:[ _.-]\d{1,4})?(?![\w-])/g,
  );
  return [...groups]
    .map(([written]) => written.replaceAll(/\D/g, ''))
    .filter((digits) => luhnValid(new TextEncoder().encode(digits)))
    .filter((digits) => !TEST_RANGES.test(digits) && !PUBLISHED_CARDS.has(digits));
}

describe('live credentials in a public repository (incident 25)', () => {
  test('each kind is found where it is written into any text', () => {
    const random = (length: number) => randomBytes(length).toString('hex').slice(0, length);
    const planted = [
      `const key = 'sk_live_${random(24)}';`,
      `SLUICE_KEY=sk_test_${random(48)}`,
      `key_id: rzp_live_${random(14)}`,
      `"secret": "whsec_${randomBytes(32).toString('base64')}"`,
      `bank_sk_${random(24)}`,
      `aws_access_key_id = AKIA${random(16).toUpperCase()}`,
      `//registry.example/:${'_auth'}Token=${random(36)}`,
      `-----BEGIN EC ${'PRIVATE'} KEY-----\n${randomBytes(48).toString('base64')}\n`,
      `postgres://sluice:${random(16)}@db.example/payments`,
      `ghp_${random(36)}`,
    ];
    expect(planted.filter((text) => keysIn(`before ${text} after`).length !== 1)).toEqual([]);
    // A number of a range that is in use, valid by its check digit and made here.
    expect(groupedCardsIn(`card ${['4539', '1488', '0343', '6467'].join(' ')}, paid`)).toHaveLength(1);
  });

  test('no file of the repository has one', () => {
    const found = files.flatMap((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      return [...keysIn(text), ...groupedCardsIn(text)].map((what) => `${what} in ${file}`);
    });
    expect(found).toEqual([]);
    for (const folder of ['bench/', 'load-tests/', 'sandbox/', 'scripts/', 'docs/', 'clients/']) {
      expect(files.some((file) => file.startsWith(folder))).toBe(true);
    }
  });

  test('no file whose very kind is secret is one git would take', () => {
    const secret = /(^|\/)(\.env(\..+)?|\.pgpass|id_(rsa|ed25519|ecdsa)|.+\.(pem|key|p12|pfx|jks|pin))$/;
    expect(files.filter((file) => secret.test(file))).toEqual([]);
    for (const file of ['data/demo.json', 'data/hsm/vault.pin', 'data/run.json']) {
      expect(spawnSync('git', ['check-ignore', '-q', file], { cwd: ROOT }).status, file).toBe(0);
    }
  });
});

describe('a check whose promise nobody waits for accepts everything (incident 19)', () => {
  const FORGETFUL: Array<[string, string]> = [
    ['left alone', 'verify(arrived);\n  return true;'],
    ['taken for a yes', 'if (verify(arrived)) return true;\n  return false;'],
    ['taken for its result', 'const verified = verify(arrived);\n  return verified.ok;'],
    [
      'in a loop without an end',
      '[arrived].forEach(async (one) => {\n    await verify(one);\n  });\n  return true;',
    ],
  ];

  /** Source of a connector's author in a hurry. */
  function sourceOf(body: string): string {
    return `import { verify } from './verify.ts';

export function isGenuine(arrived: Uint8Array): boolean {
  ${body}
}
`;
  }

  const VERIFY = `export async function verify(arrived: Uint8Array): Promise<{ ok: boolean }> {
  await Promise.resolve();
  return { ok: arrived.length > 0 };
}
`;

  /** The project's own rules in another folder: what stands in the tree is others' to look at, too. */
  function writeProject(folder: string, sources: Record<string, string>): void {
    const { vcs: _, ...rules } = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as {
      vcs: unknown;
    };
    const options = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { types: [] },
      include: ['*.ts'],
    };
    const written = {
      'biome.json': JSON.stringify(rules),
      'tsconfig.json': JSON.stringify(options),
      'package.json': '{ "type": "module" }',
      'verify.ts': VERIFY,
      ...sources,
    };
    for (const [file, text] of Object.entries(written)) writeFileSync(join(folder, file), text);
  }

  /** Every line that linter and compiler print. */
  function complaints(folder: string): string[] {
    const run = (tool: string, ...args: string[]): string => {
      const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin', tool), args, {
        cwd: folder,
        encoding: 'utf8',
      });
      return stdout + stderr;
    };
    return [run('biome', 'lint', '--reporter=github', '.'), run('tsc', '--noEmit')].join('\n').split('\n');
  }

  test('a verification that is not awaited passes neither linter nor compiler, in whatever way it is forgotten', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-forgetful-'));
    try {
      const wrong = FORGETFUL.map(([, body], i) => [`wrong-${i}.ts`, sourceOf(body)] as const);
      writeProject(folder, {
        ...Object.fromEntries(wrong),
        'right.ts': sourceOf("return arrived.length > 0 && typeof verify === 'function';"),
      });
      const lines = complaints(folder);
      const of = (file: string): string => lines.filter((line) => line.includes(file)).join('\n');
      FORGETFUL.forEach(([how], i) => {
        expect(of(`wrong-${i}.ts`), how).toMatch(/noFloatingPromises|noMisusedPromises|TS2801|TS2339/);
      });
      expect(of('right.ts')).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
