import { expect, test } from 'vitest';
import { anAttempt, anIntent, aWord, T0 } from '../../../test/support/payments.ts';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import { type Attempt, fallBack, moveAttempt } from '../../domain/transaction.ts';
import type { Gate } from '../admit.ts';
import type { Merchant } from '../authenticate.ts';
import { TransactionEvents } from '../schemas.ts';
import { transactionEventsRoute } from './transaction-events.ts';

const INTENT = anIntent();
const GATE: Gate = {
  authenticate: async () => ({ ok: true, merchant: { merchantId: INTENT.merchantId } as Merchant }),
  rateLimit: () => true,
};
const FALLBACK = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
const WITH_FALLBACK = anAttempt({ routing: { ...anAttempt().routing, fallback: FALLBACK } });

/** What is heard of an attempt, a second apart. */
function after(attempt: Attempt, ...words: Partial<ProcessorWord>[]): Attempt {
  return words.reduce<Attempt>((before, word) => {
    const at = before.updatedAt + 1000;
    const move = moveAttempt(before, aWord({ processorTxnId: null, ...word, at }));
    if (move.verdict !== 'applied') throw new Error(`${word.said} is ${move.verdict}: ${move.reason}`);
    return move.attempt;
  }, attempt);
}

/** The story as `seconds type (source) detail` without the intent's own line. */
async function story(attempt: Attempt): Promise<string[]> {
  const route = transactionEventsRoute({
    gate: GATE,
    ask: async () => ({ type: 'payment-found', payment: { intent: INTENT, attempts: [attempt] } }),
    askDeadlineMs: 1000,
  });
  const answer = await route.handler({
    method: 'GET',
    path: route.path,
    params: { id: `txn_${attempt.transactionId}` },
    query: '',
    header: () => '',
    body: Buffer.alloc(0),
    remoteAddress: () => '',
    now: T0,
    requestId: 'req_1',
  });
  const { events } = TransactionEvents.strict().parse(JSON.parse(String(answer.body)));
  expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
  expect(events[0]).toMatchObject({ type: 'intent_created', transactionId: null });
  return events
    .slice(1)
    .map(({ at, type, source, detail }) => `${(Date.parse(at) - T0) / 1000} ${type} (${source}) ${detail}`);
}

const STARTED = '0 attempt_started (sluice) Attempt 1 with VISA 411111****1111 at SANDBOX.';
const ROUTED = '0 routed (sluice) Sent to SANDBOX, the processor the merchant prefers.';

test('3-D Secure: asked for, the shopper’s return, what the bank said then, and the end', async () => {
  const nextAction = { kind: 'redirect', url: 'https://bank.example/', expiresAt: null } as const;
  const paid = after(
    anAttempt(),
    { said: 'action_required', nextAction },
    { said: 'no_answer', source: 'return' },
    { said: 'charged', source: 'callback' },
  );
  expect(await story(paid)).toEqual([
    STARTED,
    ROUTED,
    '1 action_required (answer) The bank asks the shopper to confirm the payment on its page (3-D Secure).',
    '2 shopper_returned (sluice) The shopper came back from the bank’s page, and the bank was asked at once.',
    '2 no_answer (return) The bank was asked and gave no answer.',
    '3 charged (callback) The bank charged the card.',
    '3 attempt_succeeded (callback) The payment succeeded.',
  ]);
});

test('UPI is told as UPI', async () => {
  const nextAction = { kind: 'upi', link: 'upi://pay?pa=a', expiresAt: null, simulatorUrl: null } as const;
  const upi = anAttempt({ card: null, paymentMethodType: 'UPI' });
  const expired = after(
    upi,
    { said: 'action_required', nextAction },
    { said: 'declined', source: 'callback', failureCode: 'upi_expired', referenceClosed: true },
  );
  expect((await story(expired)).slice(2)).toEqual([
    '1 action_required (answer) The bank asks the shopper to approve the payment in a UPI app.',
    '2 declined (callback) The bank declined the UPI payment: upi expired.',
    '2 attempt_failed (callback) The attempt failed: upi expired. The shopper may try again.',
  ]);
});

test('a fallback: what did not leave, where it went instead and why that was allowed', async () => {
  const word = aWord({ said: 'not_sent', processorTxnId: null, failureCode: 'processor_unreachable' });
  const second = fallBack(WITH_FALLBACK, word, word.at)!;
  const paid = after(second, { said: 'charged', leg: 2, ...FALLBACK });
  expect(await story(paid)).toEqual([
    STARTED,
    ROUTED,
    '1 not_sent (answer) The charge did not reach the bank: nothing was sent.',
    '1 fell_back (sluice) Sent to SANDBOX_B instead: SANDBOX could not be reached, so no money can have moved there.',
    '2 charged (answer) The bank charged the card.',
    '2 attempt_succeeded (answer) The payment succeeded.',
  ]);
});

test.each([
  [WITH_FALLBACK, { said: 'unknown' }, 'the outcome is unknown, and money may have moved'],
  [
    WITH_FALLBACK,
    { said: 'declined', failureCode: 'card_declined' },
    'the card’s issuer said no, and would again',
  ],
  [anAttempt(), { said: 'not_sent', failureCode: 'processor_unreachable' }, 'the merchant has no second one'],
  [
    WITH_FALLBACK,
    { said: 'not_sent', failureCode: 'processor_breaker_open' },
    'it was too late for another charge',
  ],
  [
    WITH_FALLBACK,
    { said: 'not_sent', failureCode: 'send_before_passed' },
    'it was too late to send the charge at all',
  ],
  [
    WITH_FALLBACK,
    { said: 'declined', failureCode: 'processor_refused' },
    'it was too late for another charge',
  ],
] as const)('no fallback is told with its reason (case %#)', async (attempt, word, why) => {
  const lines = await story(after(attempt, word));
  expect(lines).toContain(`1 no_fallback (sluice) No other processor was asked: ${why}.`);
});

test('a decline where there is no fallback needs no word about one', async () => {
  const lines = await story(after(anAttempt(), { said: 'declined', failureCode: 'card_declined' }));
  expect(lines.join()).not.toContain('no_fallback');
});

test('what queries said, a proof of no charge, and the charge that came all the same', async () => {
  const recovered = after(
    anAttempt(),
    { said: 'unknown' },
    { said: 'not_found', source: 'query' },
    { said: 'never_arrived', source: 'recovery' },
    { said: 'charged', source: 'callback' },
  );
  expect((await story(recovered)).slice(2)).toEqual([
    '1 outcome_unknown (answer) The charge was sent and no clear word came back: Sluice asks the bank until it knows.',
    '1 no_fallback (sluice) No other processor was asked: the outcome is unknown, and money may have moved.',
    '2 not_found (query) The bank was asked and does not know the charge.',
    '3 never_arrived (recovery) The bank does not know the charge, long after the last moment to send it: it counts as not charged.',
    '4 charged (callback) The bank charged the card.',
    '4 late_success (sluice) It had counted as failed and was charged after all: the merchant is told payment.recovered.',
    '4 attempt_succeeded (callback) The payment succeeded.',
  ]);
});

test('what a settlement report took back, and what it gave', async () => {
  const report = { source: 'settlement', leg: null } as const;
  const paid = after(anAttempt(), { said: 'charged' });
  const reversed = after(anAttempt(), { said: 'charged' }, { ...report, said: 'declined' });
  expect((await story(reversed)).slice(-3)).toEqual([
    '2 settlement_heard (settlement) The processor’s settlement report says that it was not paid.',
    '2 success_reversed (sluice) It had succeeded, and the processor took it back: the merchant is told payment.reversed, and is not paid for it.',
    '2 attempt_failed (settlement) The attempt failed: settlement failed.',
  ]);
  const closed = await story(after(anAttempt(), { said: 'accepted' }, { ...report, said: 'declined' }));
  expect([closed, await story(paid)].join()).not.toContain('success_reversed');
  const found = await story(after(anAttempt(), { said: 'declined' }, { ...report, said: 'charged' }));
  expect(found.slice(-3).map((one) => one.split(' ')[1])).toEqual([
    'settlement_heard',
    'late_success',
    'attempt_succeeded',
  ]);
});

test('an operator’s decision is told, and the reason is left to the audit', async () => {
  const decided = (said: 'charged' | 'declined') =>
    story(after(anAttempt(), { said, source: 'operator', detail: 'on the statement of 3 May' }));
  expect(await decided('charged')).toContain(
    '1 operator_resolved (operator) An operator decided that it was charged.',
  );
  expect((await decided('declined')).join()).toContain('decided that it was not charged.');
});
