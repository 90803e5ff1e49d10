/**
 * A campaign: many trials of one kind of trouble against real parts, judged by `verify` at the end.
 *
 * `npm run campaign -- NAME --count N --seed S` runs one; `npm test` runs a few trials of each. Everything a campaign
 * chooses comes from its seed, which is printed first, so that a failure can be played again.
 *
 * @module
 */

/** What a run of a campaign is given. */
export interface CampaignRun {
  /** Trials to make; what one is, the campaign's summary says. */
  readonly count: number;
  readonly seed: number;
  /** From 0 to below 1, by the seed. */
  random(): number;
  /** Tells the reader at the terminal how far it is. */
  tell(line: string): void;
}

/** What came of it. */
export interface CampaignReport {
  /** Trials made. Fewer than asked for is a failure of the campaign. */
  readonly trials: number;
  /** What must be read with the verdict: how often each point was hit, how many payments were acknowledged, … */
  readonly figures: Readonly<Record<string, number>>;
  /** What broke a promise, a line each with the ids; empty when nothing did. */
  readonly violations: readonly string[];
}

export interface Campaign {
  readonly name: string;
  /** One line for the usage: what is done, and what one trial is. */
  readonly summary: string;
  /** Trials of `npm run campaign` when no count is given. */
  readonly countDefault: number;
  /** Starts what it needs, makes the trials, judges, and stops what it started. Rejects when it could not be made. */
  run(run: CampaignRun): Promise<CampaignReport>;
}
