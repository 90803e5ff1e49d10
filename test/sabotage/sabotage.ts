/**
 * A sabotage: one bug put into the source on purpose, and the checks that must notice it.
 *
 * @module
 */

/** One change of one file. */
export interface Edit {
  /** Path in the repository. */
  readonly file: string;
  /** Text that stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A test by its full name, as `vitest list` prints it: the names of its suites and its own, joined by ` > `. */
export interface TestCatcher {
  readonly test: string;
  readonly name: string;
}

/** A campaign with so many trials from this seed. */
export interface CampaignCatcher {
  readonly campaign: string;
  readonly count: number;
  readonly seed: number;
  /** Words of the broken promise that this bug must lead to. */
  readonly breaks: string;
}

export type Catcher = TestCatcher | CampaignCatcher;

export interface Sabotage {
  /** Its place in the list of seeded bugs. */
  readonly number: number;
  readonly title: string;
  /** What the bug would cost, in one sentence. */
  readonly matters: string;
  readonly edits: readonly Edit[];
  /** Each of them must notice the bug. */
  readonly caughtBy: readonly Catcher[];
}

/**
 * The text with the edit in it.
 * @throws Error naming file and text when the text to find is not there exactly once: the source has moved on
 */
export function edited(text: string, { file, find, replace }: Edit): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${file}: stands ${places} times, not once: ${find}`);
  return text.replace(find, () => replace);
}

/** A catcher as it is told to people, and one name for equal catchers. */
export function nameOf(catcher: Catcher): string {
  return 'test' in catcher
    ? `${catcher.test} > ${catcher.name}`
    : `campaign ${catcher.campaign} --count ${catcher.count} --seed ${catcher.seed}`;
}
