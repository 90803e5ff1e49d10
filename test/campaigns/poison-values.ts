/**
 * Poison values: what PostgreSQL refuses in a row, and what it must take although it looks like trouble.
 *
 * None of the first kind gets through the checks of the API (`src/http/schemas.ts`) or of the connectors; a hole in them must
 * cost one request, never its neighbours in the same commit.
 *
 * @module
 */

import { makeId, shardOfId } from '../../src/domain/ids.ts';
import type { CreateIntent, HearCallback, HearWord, StartAttempt } from '../../src/messages/requests.ts';

const NUL = '\u0000';
/** Long before the first partition. */
const NO_PARTITION_AT = Date.UTC(2001, 0, 1);

type Spoil<Command> = readonly [name: string, spoil: (command: Command) => Command];

/** An intent that cannot be stored. */
export const BAD_INTENTS: readonly Spoil<CreateIntent>[] = [
  ['NUL in the order id', ofIntent({ orderId: `order${NUL}1` })],
  ['NUL in metadata', ofIntent({ metadata: JSON.stringify({ note: NUL }) })],
  ['half a surrogate pair in metadata', ofIntent({ metadata: '{"note":"\\ud800"}' })],
  ['metadata that is no JSON', ofIntent({ metadata: '{"note":' })],
  ['an order id of 101 characters', ofIntent({ orderId: 'x'.repeat(101) })],
  ['a customer id of 101 characters', ofIntent({ customerId: '\u{1F9FE}'.repeat(101) })],
  ['an amount beyond int8', ofIntent({ amount: 2 ** 63 })],
  ['an amount with a fraction', ofIntent({ amount: 10.5 })],
  ['no amount', ofIntent({ amount: 0 })],
  ['a currency of four letters', ofIntent({ currency: 'RUPI' })],
  ['a moment that is none', ofIntent({ createdAt: Number.NaN })],
  [
    'a day without a partition',
    (command) => {
      const shard = shardOfId(command.intent.paymentIntentId);
      return ofIntent({ paymentIntentId: makeId(NO_PARTITION_AT, shard, new Uint8Array(8)) })(command);
    },
  ],
  ['NUL in its key', (command) => ({ ...command, key: keyOf(command, `key${NUL}`) })],
  ['a key of 256 characters', (command) => ({ ...command, key: keyOf(command, 'k'.repeat(256)) })],
];

/** An attempt that cannot be stored. */
export const BAD_ATTEMPTS: readonly Spoil<StartAttempt>[] = [
  [
    'a brand of 21 characters',
    (command) => ({ ...command, card: { ...command.card!, brand: 'B'.repeat(21) } }),
  ],
  ['a nonce of 33 characters', (command) => ({ ...command, nonce: 'n'.repeat(33) })],
  ['NUL in a URL', (command) => ({ ...command, successUrl: `https://shop.example/${NUL}` })],
  ['a month beyond int2', (command) => ({ ...command, card: { ...command.card!, expiryMonth: 40_000 } })],
];

/** A final word that cannot be stored. */
export const BAD_WORDS: readonly Spoil<HearWord>[] = [
  ['NUL in the evidence', (command) => ({ ...command, word: { ...command.word, detail: NUL } })],
  [
    'half a surrogate pair in the evidence',
    (command) => ({ ...command, word: { ...command.word, detail: '\udc00' } }),
  ],
  [
    'a processor id of 101 characters',
    (command) => ({ ...command, word: { ...command.word, processorTxnId: 'c'.repeat(101) } }),
  ],
];

/** A callback that cannot be stored. */
export const BAD_CALLBACKS: readonly Spoil<HearCallback>[] = [
  ['an id of 201 characters', (command) => ({ ...command, callbackId: 'c'.repeat(201) })],
  ['NUL in its id', (command) => ({ ...command, callbackId: `cb${NUL}` })],
];

/** Texts that must come back as they went in. */
export const AWKWARD_TEXTS: readonly string[] = [
  'NULL',
  '{}',
  '{"a","b"}',
  'a,b',
  '"',
  '\\',
  '\\"',
  "'; drop table payment_intents; --",
  ' \t\r\n ',
  '\u007f\u0001',
  '\u{1F9FE}'.repeat(50),
  'x'.repeat(100),
  '\ufffe\uffff',
];

function ofIntent(over: Partial<CreateIntent['intent']>) {
  return (command: CreateIntent): CreateIntent => ({ ...command, intent: { ...command.intent, ...over } });
}

function keyOf({ intent }: CreateIntent, key: string): CreateIntent['key'] {
  return {
    merchantId: intent.merchantId,
    endpoint: 'POST /v1/payment/intent',
    key,
    bodyHash: '00'.repeat(32),
  };
}
