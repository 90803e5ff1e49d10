/**
 * Limits: the bounds that threads and processes are handed, each with its reason, and the relations between them. What only one
 * room needs stands in that room.
 *
 * A queue without a bound hides an overload until it becomes an outage. Sums are for the two-core reference machine and 10,000
 * payments a second, four requests a payment. `assertLimits` is called once at start and by a test.
 *
 * @module
 */

const KIBIBYTE = 1024;

/** All bounds. Units stand at the end of each name. */
export const LIMITS = {
  /**
   * Commands that wait in one shard thread's mailbox. At 10,000 payments/s and four commands each this is a fifth of a
   * second of work for one thread: what waits longer would miss its 200 ms anyway, so it is refused with 503.
   */
  mailboxSlots: 8192,

  /** Commands decided and committed in one turn. Batches over some 500 rows gain little, and 2048 rows commit in about 40 ms. */
  turnCommandsMax: 2048,

  /** Longest wait for more commands before a turn starts; 0 when idle, up to this by arrival rate. */
  turnLingerMs: 5,

  /** How often a command may lose its compare-and-set and be decided again; losing more often than this is a storm. */
  turnTriesMax: 5,

  /**
   * A lane whose database says nothing for so long refuses what has not begun. A checkpoint holds up commits for some hundred
   * milliseconds, on a bad disk for a second; longer, a shopper is better told to come again than kept waiting.
   */
  storageSilentMs: 1000,

  /** The same once its database has failed to answer: others wait for the probe as long as they would for a slow commit. */
  storageProbeMs: 150,

  /** Payments a lane keeps in memory, about 1 KB each; they may be dropped at any time. */
  paymentsInMemoryMax: 50_000,

  /** How long an "accepted" waits for the final word before it is written (design 5.5). */
  writeBehindMs: 1000,

  /** Replies one thread waits for from all others. Little's law: 40,000 requests/s × 200 ms = 8,000, and as much again. */
  pendingRepliesMax: 16_384,

  /** A reply later than this is given up; the request is answered 503 with its outcome unknown to the client only. */
  replyTimeoutMs: 5000,

  /** Messages to one peer thread that may be unposted within a tick; a full mailbox of each kind fits. */
  postBatchMessagesMax: 8192,

  /** Body of a merchant's request: an intent with full metadata is under 8 KiB. */
  apiBodyBytesMax: 64 * KIBIBYTE,

  /** Body of a processor's callback; Stripe events are the largest and stay under this. */
  callbackBodyBytesMax: 64 * KIBIBYTE,

  /** A body must be complete this long after its headers, else slow senders would hold memory at will. */
  bodyTimeoutMs: 10_000,

  /** Requests one listener works on at once. Over it: 503, before the body is read. */
  requestsInFlightMax: 16_384,

  /** Result pages that wait for events at one listener; each asks its shard every five seconds at most. Over it pages load again instead. */
  streamsMax: 2048,

  /** Payments between the sealing of their card and their processor's word, each holding its card. Little's law: 10,000/s × 400 ms. */
  paymentsInFlightMax: 4096,

  /** Cards sealed by one HSM call and stored as one row. One call over 64 cards costs 17 µs, a page is about 6 KiB. */
  pageCardsMax: 64,

  /** Cards that wait for the page before theirs. 4096 are 64 pages, about 100 ms of vault commits. */
  pageWaitingCardsMax: 4096,

  /** A PKCS#11 call without return in this time has hung: its worker is abandoned. */
  hsmCallTimeoutMs: 2000,

  /** Abandoned HSM workers after which the parent replaces the process; each keeps a thread and a session for good. */
  hsmWorkersAbandonedMax: 4,

  /** Merchants in a thread's cache of control data. */
  merchantsCachedMax: 10_000,

  /** A host clock further from the database's refuses to start: deadlines and ids would lie. */
  clockDifferenceMsMax: 5000,

  /** The whole stop, and the share of the gateway in it. */
  stopTimeoutMs: 15_000,
  drainTimeoutMs: 12_000,

  /** Of the gateway's share, the longest that it serves on so that a balancer looks elsewhere; the rest is its drain. */
  drainDelayMsMax: 5000,

  /** A dead process is started again after this, doubled each time up to the maximum; healthy for a while resets it. */
  restartDelayMs: 250,
  restartDelayMsMax: 10_000,
  restartHealthyMs: 30_000,
} as const;

/** Throws when two limits contradict each other. */
export function assertLimits(limits: Readonly<Record<keyof typeof LIMITS, number>> = LIMITS): void {
  const relations: readonly (readonly [boolean, string])[] = [
    [
      Object.values(limits).every((limit) => Number.isSafeInteger(limit) && limit >= 0),
      'every limit is a whole number',
    ],
    [limits.turnCommandsMax <= limits.mailboxSlots, 'a turn takes no more than a mailbox holds'],
    [limits.mailboxSlots <= limits.pendingRepliesMax, 'whoever fills a mailbox can wait for its replies'],
    // The statement tells by id which attempt was started: two commands of one turn must see each other's in memory.
    [
      limits.turnCommandsMax * 2 <= limits.paymentsInMemoryMax,
      'the payments a turn reads and makes stay in memory until it ends',
    ],
    [limits.postBatchMessagesMax <= limits.mailboxSlots, 'a post fits into an empty mailbox'],
    [limits.requestsInFlightMax <= limits.pendingRepliesMax, 'every request under way can wait for a reply'],
    [limits.pageCardsMax <= 256, 'a slot of a page is two hex digits of the token'],
    [limits.pageCardsMax <= limits.pageWaitingCardsMax, 'a whole page may wait'],
    [limits.storageProbeMs <= limits.storageSilentMs, 'a probe is given less time than a call'],
    [
      limits.storageSilentMs < limits.replyTimeoutMs,
      'a silent database is noticed before its askers give up',
    ],
    [limits.turnLingerMs < limits.replyTimeoutMs, 'a reply does not time out while its turn lingers'],
    [
      limits.hsmCallTimeoutMs * 2 <= limits.replyTimeoutMs,
      'a hung HSM call and its retry fit into one reply',
    ],
    [limits.drainTimeoutMs < limits.stopTimeoutMs, 'the drain leaves time to stop the database'],
    [
      limits.drainDelayMsMax + limits.replyTimeoutMs < limits.drainTimeoutMs,
      'after the longest delay a drain has time for a reply',
    ],
    [limits.restartDelayMs <= limits.restartDelayMsMax, 'restart delays grow'],
  ];
  for (const [holds, relation] of relations) {
    if (!holds) throw new Error(`limits contradict each other: ${relation}`);
  }
}
