/**
 * Thread entry: the file of a thread by its name.
 *
 * @module
 */

/** URL of `src/threads/<name>.thread.ts`, or of the `.js` beside a built copy of this file. */
export function threadEntry(name: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../threads/${name}.thread.${extension}`, import.meta.url);
}
