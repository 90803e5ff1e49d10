/**
 * Prefetch: the payments and keys a turn must read, each kind in one statement.
 *
 * @module
 */

import type { KeyRef } from '../../domain/facts.ts';
import { keyName, type StoredKey } from '../../domain/idempotency.ts';
import { type IntentId, lastTransactionIdOf } from '../../domain/ids.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import type { Loaded, Needs } from '../storage.ts';
import { bareArray, quotedArray } from './array-literal.ts';
import { withoutDashes } from './commit-turn.ts';
import type { PgLink } from './connection.ts';
import {
  ATTEMPT_COLUMNS,
  type AttemptRow,
  attemptOf,
  INTENT_COLUMNS,
  type IntentRow,
  intentOf,
} from './rows.ts';
import { inBounds } from './statements/commit-turn.ts';

/** The range over the ids asked for is always true; it makes the planner start from them and look each one up. */
const READ_INTENTS = {
  name: 'read_intents',
  text: `select ${INTENT_COLUMNS} from unnest($1::uuid[]) as u(id)
join payment_intents i on i.payment_intent_id = u.id and ${inBounds('i.payment_intent_id', '$2', '$3')}
where u.id between $2::uuid and $3::uuid`,
};

const READ_ATTEMPTS = {
  name: 'read_attempts',
  text: `select ${ATTEMPT_COLUMNS} from unnest($1::uuid[], $2::uuid[]) as u(first_id, last_id)
join transactions t on t.transaction_id between u.first_id and u.last_id and ${inBounds('t.transaction_id', '$3', '$4')}
where u.first_id between $3::uuid and $4::uuid
order by t.transaction_id`,
};

const READ_KEYS = {
  name: 'read_keys',
  text: `select k.merchant_id, k.endpoint, k.key, encode(k.body_hash, 'hex') as body_hash, k.effect_id, k.answer,
  (extract(epoch from k.created_at) * 1000)::float8 as created_at
from unnest($1::text[], $2::text[], $3::text[]) as u(merchant_id, endpoint, key)
join idempotency_keys k on k.merchant_id = u.merchant_id and k.endpoint = u.endpoint and k.key = u.key
  and k.day between (now() at time zone 'utc')::date - 1 and (now() at time zone 'utc')::date + 1
where k.created_at > now() - interval '24 hours'
order by k.day`,
};

interface KeyRow {
  merchant_id: string;
  endpoint: string;
  key: string;
  body_hash: string;
  effect_id: string;
  answer: string;
  created_at: number;
}

/** Reads all that is needed. What is not there is null. */
export async function prefetch(link: PgLink, needs: Needs): Promise<Loaded> {
  const [payments, keys] = await Promise.all([
    readPayments(link, [...needs.payments]),
    readKeys(link, needs.keys),
  ]);
  return { payments, keys };
}

async function readPayments(link: PgLink, unsorted: IntentId[]): Promise<Map<IntentId, Payment | null>> {
  const payments = new Map<IntentId, Payment | null>(unsorted.map((id) => [id, null]));
  if (unsorted.length === 0) return payments;
  const ids = unsorted.sort();
  const first = ids[0]!;
  const last = lastTransactionIdOf(ids.at(-1)!);
  const firstIds = bareArray(ids);
  const lastIds = bareArray(ids.map(lastTransactionIdOf));
  // Attempts first: beside older attempts a newer intent is right, since its stored final status wins. The other way round a
  // payment that ended between the two would look as if it could be paid again.
  const [attempts, intents] = await Promise.all([
    link.query<AttemptRow>({ ...READ_ATTEMPTS, values: [firstIds, lastIds, first, last] }),
    link.query<IntentRow>({ ...READ_INTENTS, values: [firstIds, first, last] }),
  ]);
  for (const row of intents.rows) {
    const intent = intentOf(row);
    payments.set(intent.paymentIntentId, { intent, attempts: [] });
  }
  for (const row of attempts.rows) {
    const attempt = attemptOf(row);
    payments.get(attempt.paymentIntentId)?.attempts.push(attempt);
  }
  return payments;
}

async function readKeys(
  link: PgLink,
  needed: ReadonlyMap<string, KeyRef>,
): Promise<Map<string, StoredKey | null>> {
  const keys = new Map<string, StoredKey | null>([...needed.keys()].map((name) => [name, null]));
  if (keys.size === 0) return keys;
  const refs = [...needed.values()];
  const { rows } = await link.query<KeyRow>({
    ...READ_KEYS,
    values: [
      quotedArray(refs.map(({ merchantId }) => merchantId)),
      quotedArray(refs.map(({ endpoint }) => endpoint)),
      quotedArray(refs.map(({ key }) => key)),
    ],
  });
  for (const row of rows) {
    const stored = {
      bodyHash: row.body_hash,
      effectId: withoutDashes(row.effect_id),
      answer: row.answer,
      createdAt: row.created_at,
    };
    keys.set(keyName({ merchantId: row.merchant_id, endpoint: row.endpoint, key: row.key }), stored);
  }
  return keys;
}
