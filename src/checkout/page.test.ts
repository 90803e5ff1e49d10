import { expect, test } from 'vitest';
import { anAttempt, anIntent, T0 } from '../../test/support/payments.ts';
import type { Attempt } from '../domain/transaction.ts';
import { resultPage } from './page.ts';

function pageOf(failureCode: string, language: 'en' | 'hi' = 'en'): string {
  const attempt: Attempt = anAttempt({ status: 'FAILED', failureCode, completedAt: T0 });
  const answer = resultPage({
    language,
    payment: { intent: anIntent(), attempts: [attempt] },
    attempt,
    state: 'failed',
    sentOn: false,
    merchantName: 'Amazon',
    sessionId: '',
    testMode: false,
    now: T0,
    resultPath: () => '',
  });
  return String(answer.body);
}

test.each(['processor_never_received', 'resolved_as_failed'])(
  'of a payment closed without the bank’s word (%s) no page says that nothing was charged',
  (code) => {
    expect(pageOf(code)).toContain('Should it be charged after all');
    expect(pageOf(code)).not.toContain('Nothing was charged');
    expect(pageOf(code, 'hi')).toContain('अगर बाद में राशि कट जाए');
  },
);

test.each(['processor_refused', 'acquirer_unavailable', 'processor_breaker_open'])(
  'what the processor has trouble with (%s) is not told as a decline of the card',
  (code) => {
    expect(pageOf(code)).toContain('could not be reached. Nothing was charged.');
  },
);
