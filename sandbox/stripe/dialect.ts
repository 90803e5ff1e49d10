/**
 * The dialect of Stripe: payment intents, keys that are answered once, signed events. Source: processors.md 3.
 * @module
 */
import type { Charge } from '../book.ts';
import {
  type Decision,
  type Desk,
  type Dialect,
  type Order,
  otherThan,
  type Routes,
  type TestCard,
} from '../dialect.ts';
import { MAGIC_CARDS, OWN_CARDS } from './cards.ts';
import { lettersOf } from './events.ts';
import { IdempotencyKeys, type KeptAnswer } from './idempotency.ts';
import { IntentRoutes } from './intent-routes.ts';
import { factsOf, type IntentRecord, newSuffix, REFERENCE_KEY, statusOf } from './intents.ts';
import { Ledger } from './ledger.ts';
import { MoneyRoutes } from './money-routes.ts';
import type { ReportRun } from './reports.ts';
import { StripeRoutes } from './routes.ts';
import { decide, decideAsked, decideLater, TOO_LATE } from './rules.ts';

/** Stripe's own rows, then the bank's own cards that keep their meaning here. */
const testCards: readonly TestCard[] = [
  ...MAGIC_CARDS.map(({ number, authentication, outcome }) => ({
    example: number,
    words: wordsOf(authentication, outcome),
  })),
  ...OWN_CARDS.map(({ example, words }) => ({ example, words })),
];

/** The dialect; what it opens is one bank's. */
export function stripeDialect(): Dialect {
  let ledger: Ledger | undefined;
  let bankUrl = () => '';
  return {
    name: 'stripe',
    processor: 'STRIPE',
    // What fails later comes back as a refund of another type.
    cannotSettle: ['takeBack'],
    testCards,
    open: async (desk) => {
      bankUrl = desk.bankUrl;
      ledger = new Ledger(desk.book, await desk.openRecords<IntentRecord>('intents'));
      return await openRoutes(desk, ledger);
    },
    newId: () => `ch_${newSuffix()}`,
    decide: (order) => decideInTime(ledger, order),
    decideAsked,
    decideLater,
    letters: (charge, account, mark) => lettersOf(charge, account, mark, bankUrl()),
    leadBack: (charge, _, url) => ({
      via: 'redirect',
      url,
      fields: hintsOf(charge, charge.status !== 'declined'),
    }),
    leadBackForged: (charge, _, url) => {
      const fields = hintsOf(charge, charge.status === 'declined');
      return {
        via: 'redirect',
        url,
        fields: { ...fields, payment_intent: otherThan(fields.payment_intent) },
      };
    },
    ofAnother,
  };
}

async function openRoutes(desk: Desk, ledger: Ledger): Promise<Routes> {
  const keys = new IdempotencyKeys(await desk.openRecords<KeptAnswer>('idempotency'));
  const runs = await desk.openRecords<ReportRun>('report-runs');
  const intents = new IntentRoutes({ desk, ledger, keys });
  const money = new MoneyRoutes({ desk, ledger, keys, runs });
  return new StripeRoutes({ desk, keys, intents, money });
}

/** An attempt that was long on its way finds the intent as it is then: one that takes none any more takes no money. */
function decideInTime(ledger: Ledger | undefined, order: Order): Decision {
  const { intent, ordinal } = factsOf(order);
  const attempts = ledger?.attemptsOf(intent).length ?? 0;
  const standing = ledger?.find(intent.account, intent.id);
  const over = standing !== undefined && ['canceled', 'succeeded'].includes(statusOf(standing));
  return over || attempts >= ordinal ? TOO_LATE : decide(order);
}

/** What the shopper brings back to the shop: hints, which anybody can type. */
function hintsOf(charge: Charge, well: boolean) {
  const { id, secret } = factsOf(charge).intent;
  return {
    payment_intent: id,
    payment_intent_client_secret: `${id}_secret_${secret}`,
    redirect_status: well ? 'succeeded' : 'failed',
  };
}

/** Under another transaction of the merchant; without one, another intent. */
function ofAnother(charge: Charge): Charge {
  const facts = factsOf(charge);
  const { intent } = facts;
  const reference = otherThan(charge.reference);
  const named = intent.metadata[REFERENCE_KEY] !== undefined;
  const other = named
    ? { ...intent, metadata: { ...intent.metadata, [REFERENCE_KEY]: reference } }
    : { ...intent, id: reference };
  return { ...charge, reference, facts: { ...facts, intent: other } };
}

function wordsOf(authentication: 'none' | 'optional' | 'required', outcome: string): string {
  const asked = {
    none: '',
    optional: '3-D Secure where it is asked for, then ',
    required: '3-D Secure, then ',
  };
  return `${asked[authentication]}${outcome === 'succeeded' ? 'success' : `declined: ${outcome}`}`;
}
