/**
 * What `deploy/`, `compose.yaml` and the Dockerfile say, as values.
 *
 * @module
 */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** The repository. */
export const ROOT = join(import.meta.dirname, '../..');

export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Paths below `deploy/`, and what of packaging stands at the top. */
export function deployFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT }).sort();
}

/** The documents of a YAML file. Throws where it does not parse or says a key twice. */
export function documentsOf<T>(file: string): T[] {
  return parseAllDocuments(textOf(file), { merge: true, uniqueKeys: true, strict: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw new Error(`${file}: ${problem.message}`);
    return document.toJS() as T;
  });
}

/** ENV of the image's runtime stage. */
export function imageEnvironment(): Record<string, string> {
  const joined = textOf('Dockerfile').replace(/\\\n\s*/g, '');
  const env = [...joined.matchAll(/^ENV (.*)$/gm)].flatMap(([, words]) => words!.trim().split(/\s+/));
  return Object.fromEntries(env.map((word) => word.split(/=(.*)/s, 2) as [string, string]));
}

/** Names of settings in a text. */
export function settingsNamed(text: string): string[] {
  return [...new Set(text.match(/\bSLUICE_[A-Z0-9_]*[A-Z0-9]\b/g) ?? [])];
}
