/**
 * `sluice payments resolve`: an operator's word about an attempt whose outcome only a person could find, with its reason in the audit.
 *
 * The change is one commit like any other: compare-and-set, the merchant's event in it. What a gateway believes of the attempt meanwhile
 * loses against it and reads the row anew.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Fact } from '../domain/facts.ts';
import { intentIdOf, makeId, shardOfId, type TransactionId } from '../domain/ids.ts';
import { acknowledgeIncidents, type OperatorWord, resolveByOperator } from '../domain/operator-resolution.ts';
import { OPERATOR_LENGTH_MAX, REASON_LENGTH_MAX } from '../domain/operator-text.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { OperatorDesk } from '../storage/operator-desk.ts';
import { explained, openOperatorDesk } from '../storage/postgres/operator-desk.ts';
import { createShardStore } from '../storage/postgres/shard-store.ts';
import { type ShardStore, StorageError, type StorageFailureKind } from '../storage/storage.ts';
import { type Command, type ExitCode, loadOptions, MisuseError, readWords, required } from './command.ts';
import { idFirst, operatorText, shardDatabaseOf, systemUser } from './payments.ts';

const WORDS = ['success', 'failed', 'acknowledged'] as const;
type Resolution = (typeof WORDS)[number];

/** A gateway that works on the very attempt may win this often. */
const TRIES_MAX = 10;
/** After these the attempt is read again: nothing was changed, or the row tells what was. */
const READ_AGAIN: ReadonlySet<StorageFailureKind> = new Set([
  'repeat',
  'lock_timeout',
  'unavailable',
  'uncertain',
]);

/** The command. */
export const paymentsResolve: Command = {
  name: 'payments resolve',
  usage: 'ID --as success|failed|acknowledged [--leg N] --reason TEXT [--by NAME] [--config FILE]',
  summary:
    'Say by an operator’s word that an attempt (txn_…) was charged or has failed, or acknowledge its incidents; N is the leg whose processor charged (default: the one it stands on); reason and operator (default: the user of the system) go to the audit. A success is not taken back: reconciliation with the processor’s settlement report corrects it.',
  async run(words, context) {
    const { id, shown, rest } = idFirst(words);
    const read = readWords(rest, ['as', 'leg', 'reason', 'by']);
    if (id === intentIdOf(id)) throw new MisuseError(`${shown} is an intent: name its attempt, txn_…`);
    const as = resolutionNamed(required('--as', read.as));
    const leg = read.leg === undefined ? null : legNumbered(read.leg, as);
    const reason = operatorText('--reason', required('--reason', read.reason), REASON_LENGTH_MAX);
    const operator = operatorText('--by', read.by ?? systemUser(), OPERATOR_LENGTH_MAX);
    const { options } = loadOptions(context.env, read.config);
    const connectionString = await shardDatabaseOf(options, id);
    // Opened first: a database that is down is told of at once and by name.
    const desk = await openOperatorDesk(connectionString);
    const store = createShardStore({
      connectionString,
      applicationName: 'sluice payments resolve',
      ownShard: shardOfId(id),
      relays: options.kafka.brokers.length > 0,
    });
    try {
      const done = await resolve({ store, desk }, id, { as, leg }, { operator, reason });
      (done.code === 0 ? (text: string) => context.out(`${text}\n`) : context.err)(`${shown} ${done.text}`);
      return done.code;
    } catch (error) {
      throw error instanceof StorageError || codeOf(error) !== undefined
        ? explained(connectionString, error)
        : error;
    } finally {
      await Promise.all([desk.close(), store.close()]);
    }
  },
};

interface Services {
  store: ShardStore;
  desk: OperatorDesk;
}

/** What is said; leg null: of the one the attempt stands on. */
interface Said {
  as: Resolution;
  leg: number | null;
}

interface Done {
  code: ExitCode;
  /** What goes after the id. */
  text: string;
}

async function resolve(
  services: Services,
  id: TransactionId,
  said: Said,
  who: Pick<OperatorWord, 'operator' | 'reason'>,
): Promise<Done> {
  for (let tries = 1; ; tries++) {
    const now = Date.now();
    const eventId = makeId(now, shardOfId(id), randomBytes(8));
    try {
      const attempt = await findAttempt(services.store, id);
      if (attempt === null) return { code: 1, text: 'is not there' };
      const done = await resolveOnce(services, attempt, said, { ...who, eventId, now });
      if (done !== 'lost') return done;
    } catch (error) {
      if (!(error instanceof StorageError && READ_AGAIN.has(error.kind)) || tries === TRIES_MAX) throw error;
    }
    if (tries === TRIES_MAX)
      return { code: 1, text: 'is being changed by a gateway all the time: try again' };
  }
}

async function findAttempt(store: ShardStore, id: TransactionId): Promise<Attempt | null> {
  const intentId = intentIdOf(id);
  const loaded = await store.prefetch({ payments: new Set([intentId]), keys: new Map() });
  const attempts = loaded.payments.get(intentId)?.attempts ?? [];
  return attempts.find(({ transactionId }) => transactionId === id) ?? null;
}

/** `lost`: somebody else changed the attempt meanwhile, and nothing was written. */
async function resolveOnce(
  { store, desk }: Services,
  attempt: Attempt,
  { as, leg }: Said,
  word: OperatorWord,
): Promise<Done | 'lost'> {
  if (as === 'acknowledged') return await acknowledge({ store, desk }, attempt, word);
  const decision = resolveByOperator(attempt, as, leg, word);
  if (decision.kind !== 'facts') {
    const { kind, why } = decision;
    return kind === 'refused' ? { code: 1, text: why } : { code: 0, text: `${why}: nothing was changed` };
  }
  const { facts, attempt: next } = decision;
  const effects = await store.commit(facts);
  if (!effects.every(({ effective }) => effective)) return 'lost';
  const incidents = effects.flatMap(({ incident }) => incident ?? []);
  const beware = incidents.map((incident) => `; incident ${incident} was noted`).join('');
  return { code: 0, text: `is ${next.status} now (was ${attempt.status})${beware}` };
}

async function acknowledge({ store, desk }: Services, attempt: Attempt, word: OperatorWord): Promise<Done> {
  const { transactionId } = attempt;
  const incidents = (await desk.incidentsOf(intentIdOf(transactionId))).filter(
    (incident) => incident.transactionId === transactionId,
  );
  if (incidents.length === 0) return { code: 1, text: 'has no incident to acknowledge' };
  const waiting = incidents.filter(({ acknowledgedAt }) => acknowledgedAt === null);
  if (waiting.length === 0) return { code: 0, text: 'was acknowledged already: nothing was changed' };
  const fact: Fact = acknowledgeIncidents(attempt, word);
  await store.commit([fact]);
  return { code: 0, text: `acknowledged: ${waiting.map(({ kind }) => kind).join(', ')}` };
}

function resolutionNamed(word: string): Resolution {
  const named = WORDS.find((one) => one === word);
  if (named === undefined) throw new MisuseError(`--as ${word} is none of ${WORDS.join(', ')}`);
  return named;
}

function legNumbered(word: string, as: Resolution): number {
  if (as !== 'success') throw new MisuseError('--leg says which leg was charged: it goes with --as success');
  if (word !== '1' && word !== '2') throw new MisuseError(`--leg ${word} is none of 1, 2`);
  return Number(word);
}

function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
