/**
 * The image is checked without a container engine: it copies files that there are and nothing it needs is left out, it runs as a
 * numbered user, and its health check says what `/readyz` says.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deployFiles, documentsOf, ROOT, textOf } from './files.ts';

interface Instruction {
  stage: string;
  name: string;
  words: string;
}

const instructions = instructionsOf(textOf('Dockerfile'));
const STAGES = ['packages', 'runtime', 'bank', 'gateway'];

/** The instructions with the stage they stand in; comments gone, continued lines joined. */
function instructionsOf(text: string): Instruction[] {
  let stage = '';
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, words] = line.match(/^([A-Z]+)\s+(.*)$/) as RegExpMatchArray;
      if (name === 'FROM') stage = words!.split(/ AS /)[1]!;
      return { stage, name: name!, words: words! };
    });
}

function wordsOf(name: string, stage?: string): string[] {
  return instructions
    .filter((one) => one.name === name && (stage === undefined || one.stage === stage))
    .map(({ words }) => words);
}

/** Sources of COPY from the repository, with the stage. */
const copied = instructions
  .filter(({ name, words }) => name === 'COPY' && !words.includes('--from='))
  .flatMap(({ stage, words }) =>
    words
      .split(/\s+/)
      .filter((word) => !word.startsWith('--'))
      .slice(0, -1)
      .map((source) => ({ stage, source })),
  );

/** Lines of .dockerignore; the first ignores all, those with ! let something in again, the others take something out of that. */
const ignore = textOf('.dockerignore').trim().split('\n');

function reachesDocker(path: string): boolean {
  const admitted = ignore.some((line) => line.startsWith('!') && `${path}/`.startsWith(`${line.slice(1)}/`));
  return admitted && !/(\.test\.ts$|(^|\/)testing(\/|$)|README\.md$)/.test(path);
}

describe('the Dockerfile', () => {
  test('has the stages that are meant, the gateway last, each from an image with a version', () => {
    expect(wordsOf('FROM').map((words) => words.split(' AS ')[1])).toEqual(STAGES);
    const bases = wordsOf('FROM').map((words) => words.split(' AS ')[0]!);
    expect(
      bases.filter((base) => !STAGES.includes(base) && !/^[a-z]+:[\w.]*\d|^debian:bookworm-slim$/.test(base)),
    ).toEqual([]);
  });

  test('copies only what there is and what .dockerignore lets in', () => {
    expect(copied.length).toBeGreaterThan(5);
    for (const { source } of copied) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(reachesDocker(source), source).toBe(true);
    }
    const compose = documentsOf<{ services: Record<string, { build?: { target: string } }> }>(
      'compose.yaml',
    )[0]!;
    const targets = Object.values(compose.services).flatMap(({ build }) => build?.target ?? []);
    expect(targets.filter((target) => !STAGES.includes(target))).toEqual([]);
  });

  test.each([
    ['gateway', ['src/main.ts', 'src/cli/sluice.ts', ...deployFiles('src/threads/*.thread.ts')]],
    ['bank', ['sandbox/main.ts']],
  ])('the %s has every file that it loads', (stage, entries) => {
    const there = copied
      .filter((one) => one.stage === 'runtime' || one.stage === stage)
      .map(({ source }) => source);
    const missing = [...closureOf(entries)].filter(
      (file) => !reachesDocker(file) || !there.some((source) => `${file}/`.startsWith(`${source}/`)),
    );
    expect(missing).toEqual([]);
  });

  test('every package the gateway loads is a dependency and is not thrown out', () => {
    const { dependencies } = JSON.parse(textOf('package.json')) as { dependencies: Record<string, string> };
    const packages = [
      ...closureOf(['src/main.ts', 'src/cli/sluice.ts', ...deployFiles('src/threads/*.thread.ts')]),
    ]
      .flatMap((file) => importsOf(file))
      .filter((target) => !target.startsWith('.') && !target.startsWith('node:'));
    const removed = wordsOf('RUN', 'packages')
      .join(' ')
      .match(/node_modules\/[\w@/-]+/g)!
      .map((path) => path.slice('node_modules/'.length));
    for (const name of new Set(packages)) {
      expect(Object.keys(dependencies)).toContain(name);
      expect(
        removed.filter((one) => one === name),
        name,
      ).toEqual([]);
    }
  });

  test('runs as a user with a number, that owns where it writes', () => {
    expect(wordsOf('USER', 'runtime')).toEqual(['10001:10001']);
    expect(wordsOf('RUN', 'runtime').join('\n')).toContain('-o 10001 -g 10001');
    expect(wordsOf('ENTRYPOINT', 'runtime')).toEqual(['["/usr/bin/tini", "--"]']);
  });
});

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [
    ...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[\w*{][^'";]*?\sfrom\s+)?'([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'\)/g),
    ...text.matchAll(/new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g),
  ].map(([, target]) => target!);
}

/** Files that the entries load, directly or not. The bank is started by `sluice start` only, which is for checkouts. */
function closureOf(entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const open = [...entries];
  while (open.length > 0) {
    const file = open.pop()!;
    if (reached.has(file)) continue;
    reached.add(file);
    for (const target of importsOf(file)) {
      const found = join(dirname(file), target);
      if (target.startsWith('.') && found !== 'sandbox/main.ts') open.push(found);
    }
  }
  return reached;
}

test('the doctor finds nothing wrong with the files of the image', () => {
  const image = mkdtempSync(join(tmpdir(), 'sluice-image-'));
  try {
    for (const { source } of copied.filter(({ stage }) => stage === 'runtime')) {
      if (source.startsWith('deploy/')) continue;
      cpSync(join(ROOT, source), join(image, source), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(image, 'node_modules'));
    const nowhere = 'postgres://sluice:x@127.0.0.1:1/';
    const databases = {
      SLUICE_CONTROL_DATABASE_URL: `${nowhere}control`,
      SLUICE_SHARD_DATABASE_URLS: `${nowhere}shard`,
    };
    const { stdout } = spawnSync(process.execPath, [join(image, 'src/cli/sluice.ts'), 'doctor'], {
      env: { PATH: process.env.PATH, SLUICE_ROLES: 'background', SLUICE_TLS: 'terminated', ...databases },
      encoding: 'utf8',
    });
    for (const name of ['node', 'packages', 'pkcs11js', 'uWebSockets.js', 'disk', 'file modes'])
      expect(stdout).toContain(`ok   ${name}: `);
  } finally {
    rmSync(image, { recursive: true });
  }
});

describe('the health check', () => {
  test.each([
    ['runtime', 'SLUICE_OPS_PORT', '/readyz', 200, 0],
    ['runtime', 'SLUICE_OPS_PORT', '/readyz', 503, 1],
    ['bank', 'SANDBOX_PORT', '/_bank/health', 200, 0],
  ])(
    'of %s asks the port %s names at %s; %d makes it end with %d',
    async (stage, setting, path, status, code) => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(request.url!);
        response.writeHead(status).end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const [, ...words] = healthCommand(stage);
      const child = spawn(process.execPath, words, { env: { [setting]: String(port) }, stdio: 'inherit' });
      const [ended] = (await once(child, 'exit')) as [number];
      server.close();
      expect([ended, asked]).toEqual([code, [path]]);
    },
  );

  test('says no where nobody listens', () => {
    const [, ...words] = healthCommand('runtime');
    expect(spawnSync(process.execPath, words, { env: { SLUICE_OPS_PORT: '1' } }).status).toBe(1);
  });
});

function healthCommand(stage: string): string[] {
  const [words] = wordsOf('HEALTHCHECK', stage) as [string];
  return JSON.parse(words.slice(words.indexOf('['))) as string[];
}

test.each([...deployFiles('deploy/**/*.sh'), 'deploy/image/sluice'])(
  '%s is a script that sh can read',
  (file) => {
    expect(spawnSync('sh', ['-n', join(ROOT, file)]).status).toBe(0);
  },
);
