/**
 * Callback message: a processor's callback as it lies on `payment_callback_status`, for us and for whoever else reads it.
 *
 * Whoever may write to the topic speaks for every processor, so what is read is checked field by field all the same: a message is
 * not trusted to be one of ours. `docs/KAFKA.md` documents the shape; a change that others would notice is a new version.
 *
 * @module
 */

import type { IHeaders, Message } from 'kafkajs';
import type { ProcessorCallback } from '../../domain/callback.ts';
import { intentIdOf, parseTransactionId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import type { ProcessorName, ProcessorWord, Said } from '../../domain/processor-word.ts';

export const VERSION = '1';
/** Names the version of a value's shape. */
export const VERSION_HEADER = 'sluice-version';

/** Made for the producer. A callback of no transaction of ours goes by its own id. */
export function callbackMessage(callback: Omit<ProcessorCallback, 'hint'>): Message {
  const { processor, callbackId, transactionId, word, receivedAt } = callback;
  return {
    key: transactionId === null ? callbackId : showTransactionId(transactionId),
    value: JSON.stringify({
      callbackId,
      processor,
      transactionId: transactionId === null ? null : showTransactionId(transactionId),
      paymentIntentId: transactionId === null ? null : showIntentId(intentIdOf(transactionId)),
      status: word?.said ?? null,
      receivedAt: new Date(receivedAt).toISOString(),
      word,
    }),
    headers: { [VERSION_HEADER]: VERSION },
  };
}

export type ReadCallback = { ok: true; callback: ProcessorCallback } | { ok: false; reason: string };

/** Reads a message. `reason` is a stable word. */
export function readCallbackMessage(value: Buffer | null, headers: IHeaders | undefined): ReadCallback {
  if (String(headers?.[VERSION_HEADER] ?? '') !== VERSION) return unreadable('version_unknown');
  let read: unknown;
  try {
    read = JSON.parse(String(value));
  } catch {
    return unreadable('not_json');
  }
  const callback = callbackIn(read);
  return callback === null ? unreadable('wrong_shape') : { ok: true, callback };
}

function unreadable(reason: string): ReadCallback {
  return { ok: false, reason };
}

const KNOWN: Readonly<Record<ProcessorName, true>> = {
  RAZORPAY: true,
  PAYU: true,
  STRIPE: true,
  SANDBOX: true,
  SANDBOX_B: true,
};
const PROCESSORS: ReadonlySet<unknown> = new Set(Object.keys(KNOWN));
/** What a callback can say: all else is a word of ours. */
const SAYINGS: ReadonlySet<unknown> = new Set<Said>(['charged', 'declined', 'accepted', 'action_required']);
const METHODS: ReadonlySet<unknown> = new Set(['CREDIT_CARD', 'DEBIT_CARD', 'UPI', null]);
/** As its column. */
const CALLBACK_ID_LENGTH_MAX = 200;

function callbackIn(value: unknown): ProcessorCallback | null {
  if (!isRecord(value)) return null;
  const { callbackId, processor, transactionId: shown, word } = value;
  const receivedAt = typeof value.receivedAt === 'string' ? Date.parse(value.receivedAt) : Number.NaN;
  const transactionId = typeof shown === 'string' ? parseTransactionId(shown) : null;
  const fits =
    typeof callbackId === 'string' &&
    callbackId !== '' &&
    callbackId.length <= CALLBACK_ID_LENGTH_MAX &&
    PROCESSORS.has(processor) &&
    (shown === null || transactionId !== null) &&
    Number.isSafeInteger(receivedAt) &&
    (word === null || isWord(word, processor));
  if (!fits) return null;
  return {
    processor: processor as ProcessorName,
    callbackId,
    transactionId,
    word: word as ProcessorWord | null,
    // Its processor was asked when it arrived.
    hint: false,
    receivedAt,
  };
}

function isWord(word: unknown, processor: unknown): boolean {
  return (
    isRecord(word) &&
    word.source === 'callback' &&
    word.processor === processor &&
    SAYINGS.has(word.said) &&
    METHODS.has(word.paymentMethodType) &&
    [word.leg, word.amount].every(isIntegerOrNull) &&
    [word.processorAccount, word.processorTxnId, word.currency, word.failureCode].every(isTextOrNull) &&
    [word.referenceClosed, word.elsewhere].every((flag) => typeof flag === 'boolean') &&
    (word.nextAction === null || isNextAction(word.nextAction)) &&
    Number.isSafeInteger(word.at) &&
    typeof word.detail === 'string'
  );
}

function isNextAction(action: unknown): boolean {
  if (!isRecord(action) || !isIntegerOrNull(action.expiresAt)) return false;
  switch (action.kind) {
    case 'redirect':
      return typeof action.url === 'string';
    case 'form':
      return (
        typeof action.url === 'string' &&
        isRecord(action.fields) &&
        Object.values(action.fields).every((field) => typeof field === 'string')
      );
    case 'otp':
      return typeof action.submitUrl === 'string' && isTextOrNull(action.resendUrl);
    case 'upi':
      return typeof action.link === 'string' && isTextOrNull(action.simulatorUrl);
    default:
      return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isIntegerOrNull(value: unknown): boolean {
  return value === null || Number.isSafeInteger(value);
}
