/**
 * Faults: what a seed makes go wrong and how often, and the shape of the gateways it does it to.
 *
 * Each fault is off in some runs, rare in most and hot in a few: with every fault always on, the deep interleavings of
 * one of them would be drowned by the noise of the others.
 *
 * @module
 */

/** Chances are from 0 to 1 for each message, commit or charge; counts are over the whole run. */
export interface Faults {
  requestLost: number;
  answerLost: number;
  requestDelayed: number;
  requestDuplicated: number;
  readFails: number;
  commitRepeats: number;
  commitLockTimeout: number;
  commitUnavailable: number;
  /** The connection is lost while the statement runs: it was never begun, has been committed, or will be. */
  commitUncertain: number;
  commitSlow: number;
  /** A merchant sends an order id that the database refuses. */
  poisonedRows: number;
  vaultRefuses: number;
  bankRefusesConnection: number;
  chargeLost: number;
  chargeSlow: number;
  chargeAnswerLost: number;
  bankAnswersError: number;
  bankBooksLate: number;
  bankForgets: number;
  queryFails: number;
  /** A decline that does not close its reference is charged after all. */
  declineTurns: number;
  callbackLost: number;
  callbackSlow: number;
  callbackDuplicated: number;
  callbackOfAnother: number;
  threadDeaths: number;
  gatewayDeaths: number;
  pauses: number;
  clockSteps: number;
  outages: number;
}

/** What the gateways of a run are like. */
export interface Layout {
  gateways: number;
  databases: number;
  /** 0: the lanes run beside the API. */
  shardThreads: number;
  mailboxSlots: number;
  turnCommandsMax: number;
  turnTriesMax: number;
  lingerMsMax: number;
  paymentsMax: number;
  writeBehindMs: number;
  sendBeforeMs: number;
  notFoundProofMs: number;
  /** Milliseconds between two shoppers, on average. */
  arrivalGapMs: number;
  merchants: number;
  /** Share of shoppers with two windows, who click without looking. */
  impatience: number;
  /** The longest a commit takes that is not slow: the longer, the more of one payment meets in one turn. */
  commitMsMax: number;
  /** False: this bank sends none, and is known to book and remember well before the proof of "never arrived". */
  callbacks: boolean;
  /** One gateway goes by a map that gives some shards to a database that does not own them. */
  staleMap: boolean;
  /** The run goes on for more than a day after the last shopper, so that unpaid intents expire. */
  day: boolean;
  recovery: { walkEveryMs: number; askEveryMs: number };
  /** Share of the charges that a report of their bank tells of, which mostly takes them back. */
  reported: number;
}

type Random = () => number;

/** How often a fault of a message or commit happens while it is rare, and while it is hot. */
const RARE = [0.002, 0.02] as const;
const HOT = [0.05, 0.3] as const;
/** How often an incident of a whole thread, gateway or database happens in a run. */
const RARE_COUNT = [1, 3] as const;
const HOT_COUNT = [5, 20] as const;

/** Draws the faults of a seed. */
export function drawFaults(random: Random, layout: Layout): Faults {
  const chance = (): number => {
    const kind = random();
    if (kind < 0.35) return 0;
    return rounded(between(random, kind < 0.8 ? RARE : HOT));
  };
  const count = (): number => {
    const kind = random();
    if (kind < 0.45) return 0;
    return Math.round(between(random, kind < 0.85 ? RARE_COUNT : HOT_COUNT));
  };
  const faults: Faults = {
    requestLost: chance(),
    answerLost: chance(),
    requestDelayed: chance(),
    requestDuplicated: chance(),
    readFails: chance(),
    commitRepeats: chance(),
    commitLockTimeout: chance(),
    commitUnavailable: chance(),
    commitUncertain: chance(),
    commitSlow: chance(),
    poisonedRows: chance() / 4,
    vaultRefuses: chance(),
    bankRefusesConnection: chance(),
    chargeLost: chance(),
    chargeSlow: chance(),
    chargeAnswerLost: chance(),
    bankAnswersError: chance(),
    bankBooksLate: chance(),
    bankForgets: chance(),
    queryFails: chance(),
    declineTurns: chance(),
    callbackLost: chance(),
    callbackSlow: chance(),
    callbackDuplicated: chance(),
    callbackOfAnother: chance(),
    threadDeaths: count(),
    gatewayDeaths: count(),
    pauses: count(),
    clockSteps: count(),
    outages: count(),
  };
  // Without callbacks nothing tells of what is charged after a proof: the proof rests on the bank and on true clocks.
  if (!layout.callbacks) {
    Object.assign(faults, {
      chargeSlow: 0,
      bankBooksLate: 0,
      bankForgets: 0,
      declineTurns: 0,
      clockSteps: 0,
    });
  }
  return faults;
}

/** Draws the gateways of a seed. */
export function drawLayout(random: Random): Layout {
  const pick = <Value>(...values: Value[]): Value => values[Math.floor(random() * values.length)]!;
  const turnCommandsMax = pick(2, 8, 64, 2048);
  const gateways = pick(1, 2, 2, 3);
  const databases = pick(1, 1, 2);
  const day = random() < 0.1;
  return {
    gateways,
    databases,
    shardThreads: pick(0, 1, 2),
    mailboxSlots: pick(8, 64, 1024, 1024),
    turnCommandsMax,
    turnTriesMax: pick(3, 5),
    lingerMsMax: pick(0, 5),
    // A turn's own payments always fit.
    paymentsMax: Math.max(turnCommandsMax * 4, pick(16, 50_000)),
    writeBehindMs: pick(20, 1000),
    sendBeforeMs: pick(3000, 30_000),
    notFoundProofMs: pick(10_000, 120_000),
    arrivalGapMs: pick(2, 20, 20, 100),
    merchants: pick(1, 3, 20),
    impatience: pick(0.1, 0.1, 0.6),
    commitMsMax: pick(3, 3, 150),
    callbacks: random() >= 0.15,
    staleMap: databases > 1 && gateways > 1 && random() < 0.3,
    day,
    // Recovery as rarely as a day of it can be simulated in a second.
    recovery: day ? { walkEveryMs: 60_000, askEveryMs: 10_000 } : { walkEveryMs: 1000, askEveryMs: 250 },
    reported: pick(0, 0.1, 0.3),
  };
}

/** No fault at all: what a run ends with, so that everything must come to rest. */
export function noFaults(): Faults {
  const calm = drawFaults(
    () => 0,
    drawLayout(() => 0.5),
  );
  return Object.fromEntries(Object.keys(calm).map((name) => [name, 0])) as unknown as Faults;
}

/** What is on, in one line. */
export function describeFaults(faults: Faults, layout: Layout): string {
  const { recovery, ...shape } = layout;
  const on = Object.entries({ ...shape, ...recovery, ...faults }).filter(([, value]) => value !== 0);
  return on.map(([name, value]) => `${name}=${value}`).join(' ');
}

function between(random: Random, [low, high]: readonly [number, number]): number {
  return low + random() * (high - low);
}

function rounded(chance: number): number {
  return Math.round(chance * 1000) / 1000;
}
