import { expect, test } from 'vitest';
import { anAttempt, anIntent, T0 } from '../../test/support/payments.ts';
import type { NextAction } from '../domain/processor-word.ts';
import type { Attempt } from '../domain/transaction.ts';
import { type ResultPage, resultPage } from './result-page.ts';

function pageOf(failureCode: string, language: 'en' | 'hi' = 'en', over: Partial<Attempt> = {}): string {
  const attempt: Attempt = anAttempt({ status: 'FAILED', failureCode, completedAt: T0, ...over });
  const answer = resultPage({
    language,
    payment: { intent: anIntent(), attempts: [attempt] },
    attempt,
    state: 'failed',
    sentOn: false,
    otpNote: null,
    merchantName: 'Amazon',
    sessionId: '',
    testMode: false,
    now: T0,
    resultPath: () => '',
  });
  return String(answer.body);
}

test.each(['processor_never_received', 'resolved_as_failed', 'payment_timed_out', 'E209', 'E1206'])(
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

test.each([
  ['E706', 'The card does not have enough funds. Nothing was charged.'],
  ['E303', 'The payment was not confirmed with your bank. Nothing was charged.'],
  ['payment_intent_authentication_failure', 'The payment was not confirmed with your bank.'],
  ['otp_attempts_exceeded', 'The payment was not confirmed with your bank.'],
  ['payment_abandoned', 'The time to confirm with your bank ran out. Nothing was charged.'],
  ['E312', 'Your bank declined the card. Nothing was charged.'],
  ['do_not_honor', 'Your bank declined the card. Nothing was charged.'],
])('a processor’s own code (%s) is told in words for shoppers', (code, words) => {
  expect(pageOf(code)).toContain(words);
});

test.each([
  ['E706', 'The account does not have enough funds.'],
  ['E303', 'The UPI payment was declined.'],
  ['payment_method_customer_decline', 'The UPI payment was declined.'],
  ['payment_method_provider_timeout', 'The time to approve in your UPI app ran out.'],
])('who paid by UPI hears of no card and no bank’s page (%s)', (code, words) => {
  expect(pageOf(code, 'en', { card: null })).toContain(words);
});

function acting(nextAction: NextAction, over: Partial<ResultPage> = {}, card = true) {
  const attempt = anAttempt({
    status: 'REQUIRES_ACTION',
    outcome: 'action_required',
    nextAction,
    ...(!card && { card: null }),
  });
  const answer = resultPage({
    language: 'en',
    payment: { intent: anIntent(), attempts: [attempt] },
    attempt,
    state: 'action',
    sentOn: false,
    otpNote: null,
    merchantName: 'Amazon',
    sessionId: '',
    testMode: false,
    now: T0,
    resultPath: () => '/checkout/result?transaction=txn_1',
    ...over,
  });
  const policy = answer.headers!['Content-Security-Policy']!;
  return {
    body: String(answer.body),
    formAction: /form-action ([^;]+);/.exec(policy)![1],
    referrer: answer.headers!['Referrer-Policy'],
  };
}

const FIELDS = { PaReq: '"><script>alert(1)</script>', TermUrl: 'https://secure.example/?a=1&b=2' };
const formTo = (url: string): NextAction => ({ kind: 'form', url, fields: FIELDS, expiresAt: null });

test('the bank’s form stands in the page with its fields escaped, and may be posted to its origin alone', () => {
  const { body, formAction, referrer } = acting(formTo('https://acs.bank.example:8443/pay?x=1'));
  expect(body).toContain(
    '<form class="onward" action="https://acs.bank.example:8443/pay?x=1" method="post">',
  );
  expect(body).toContain('name="PaReq" value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
  expect(body).toContain('name="TermUrl" value="https://secure.example/?a=1&amp;b=2"');
  expect(body).toContain('data-go-on-ms="3000"');
  expect(formAction).toBe("'self' https://acs.bank.example:8443");
  expect(referrer).toBe('strict-origin-when-cross-origin');
});

test('once the shopper was there it does not go by itself, and may follow where the bank leads the post, over https', () => {
  const { body, formAction } = acting(formTo('https://acs.bank.example/pay'), { sentOn: true });
  expect(body).toContain('Waiting for your confirmation');
  expect(body).toContain('<form class="onward"');
  expect(body).not.toContain('data-go-on-ms');
  expect(formAction).toBe("'self' https:");
});

test.each([
  'http://acs.bank.example/',
  'javascript:alert(1)',
  'https://user:word@acs.bank.example/',
  'https://*/',
  'https://*.example/',
  'https://bank.example;sandbox/',
  "https://bank'unsafe-inline'.example/",
  'https://a,b.example/',
  'not an address',
])('a form for %s is not shown, and the policy stays as it is', (url) => {
  const { body, formAction } = acting(formTo(url));
  expect(body).not.toContain('<form');
  expect(body).toContain('We are asking your bank');
  expect(formAction).toBe("'self'");
});

const OTP: NextAction = {
  kind: 'otp',
  submitUrl: 'https://processor.example/secret-submit',
  resendUrl: 'https://processor.example/secret-resend',
  expiresAt: T0 + 90_000,
};

test('a page with the form of a password tells no address of the processor, and is not taken away while one types', () => {
  const { body, formAction, referrer } = acting(OTP, { sessionId: `sess_${'ab'.repeat(16)}` });
  expect(body).not.toContain('secret');
  expect(body).toContain('<form class="otp" action="/checkout/otp" method="post">');
  expect(body).toContain(`name="session" value="sess_${'ab'.repeat(16)}"`);
  expect(body).toContain('<noscript><meta http-equiv="refresh" content="90"></noscript>');
  expect([formAction, referrer]).toEqual(["'self'", 'same-origin']);
  expect(acting({ ...OTP, expiresAt: null }).body).toContain(
    '<noscript><meta http-equiv="refresh" content="300">',
  );
});

test('of a password that nothing is known of the page asks and waits, and another may be typed', () => {
  const { body } = acting(OTP, { otpNote: 'unheard' });
  expect(body).toContain('We are asking your bank');
  expect(body).not.toContain('<form');
  expect(body).toContain('Enter a password again');
  expect(body).toMatch(/<noscript><meta http-equiv="refresh" content="\d">/);
});

test.each(['wrong', 'shape', 'resent', 'not-resent'] as const)(
  'the form says of a password that it is %s',
  (otpNote) => {
    const { body } = acting(OTP, { otpNote });
    expect(body.includes('aria-invalid="true"')).toBe(otpNote === 'wrong' || otpNote === 'shape');
    expect(body.includes('class="told"')).toBe(otpNote === 'resent' || otpNote === 'not-resent');
  },
);

test('UPI on a page of the processor speaks of UPI and not of a card, in every language', () => {
  const page: NextAction = { kind: 'redirect', url: 'https://processor.example/upi', expiresAt: null };
  const english = acting(page, {}, false).body;
  expect(english).toContain('Approve it on the UPI page');
  expect(english).toContain('<dt>UPI page</dt><dd>processor.example</dd>');
  expect(english).not.toMatch(/card’s bank|bank’s page/);
  expect(acting(page, { language: 'hi', sentOn: true }, false).body).toContain('UPI पेज खोलें');
  expect(acting(page).body).toContain('Go to the bank’s page');
});

test.each([false, true])(
  'the UPI page opens beside this one, which stays and waits (sent on: %s)',
  (sentOn) => {
    const page: NextAction = { kind: 'redirect', url: 'https://processor.example/upi', expiresAt: null };
    const { body } = acting(page, { sentOn }, false);
    expect(body).toContain('href="https://processor.example/upi" target="_blank" rel="noreferrer"');
    expect(body).not.toContain('data-go-on-ms');
    expect(body).toMatch(/<noscript><meta http-equiv="refresh" content="\d+">/);
  },
);
