/**
 * The accounts of each dialect, as `SANDBOX_ACCOUNTS` names them.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';

const callbackUrl = 'http://127.0.0.1:8080/callbacks';
const plain = { account: 'acct_demo', secretKey: 'bank_sk', webhookSecret: 'whsec', callbackUrl };
const razorpay = {
  dialect: 'razorpay',
  account: 'acc_Demo0001',
  keyId: 'rzp_test_1',
  secretKey: 'razorpay_secret',
  webhookSecret: 'razorpay_hook',
  callbackUrl,
};
const payu = {
  dialect: 'payu',
  account: 'gtKFFx',
  secretKey: 'a salt',
  webhookSecret: 'a salt',
  callbackUrl,
};
const salted = { ...payu, secretKey: 'salt32', webhookSecret: 'salt32' };
const stripe = {
  dialect: 'stripe',
  account: 'acct_1Demo',
  secretKey: 'sk_test_demo',
  webhookSecret: 'whsec_demo',
  callbackUrl,
};

function read(...accounts: unknown[]): ReturnType<typeof readSettings> {
  return readSettings({ SANDBOX_DATA_DIR: '/tmp/bank', SANDBOX_ACCOUNTS: JSON.stringify(accounts) });
}

function problemsOf(...accounts: unknown[]): string[] {
  const settings = read(...accounts);
  return settings.ok ? [] : settings.problems;
}

describe('accounts', () => {
  it('of every dialect are taken, plain unless told', () => {
    const settings = read(plain, razorpay, salted, stripe);
    if (!settings.ok) throw new Error(settings.problems.join('\n'));
    expect(settings.settings.accounts).toMatchObject([
      { ...plain, dialect: 'plain', callbackUrl: new URL(callbackUrl) },
      { ...razorpay, callbackUrl: new URL(callbackUrl) },
      { ...salted, callbackUrl: new URL(callbackUrl) },
      { ...stripe, callbackUrl: new URL(callbackUrl) },
    ]);
  });

  it('are refused with all faults at once, and no secret is repeated', () => {
    const bad = {
      ...razorpay,
      account: 'acct_1',
      keyId: 'rzp_live_1',
      secretKey: 'my secret',
      callbackUrl: '',
    };
    const problems = problemsOf({ ...plain, webhookSecret: '' }, bad);
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'SANDBOX_ACCOUNTS[0].webhookSecret',
      'SANDBOX_ACCOUNTS[1].account',
      'SANDBOX_ACCOUNTS[1].keyId',
      'SANDBOX_ACCOUNTS[1].secretKey',
      'SANDBOX_ACCOUNTS[1].callbackUrl',
    ]);
    expect(problems.join()).not.toContain('my secret');
  });

  it.each([
    ['an unknown dialect', { ...plain, dialect: 'klingon' }, 'dialect'],
    ['Razorpay without a key id', { ...razorpay, keyId: undefined }, 'keyId'],
    ['PayU with a salt of two words', payu, 'secretKey'],
    ['PayU with another secret for callbacks', { ...salted, webhookSecret: 'other' }, 'webhookSecret'],
    ['a live key of Stripe', { ...stripe, secretKey: 'sk_live_demo' }, 'secretKey'],
    ['a webhook secret that is not Stripe’s', { ...stripe, webhookSecret: 'demo' }, 'webhookSecret'],
    ['a callback by https', { ...stripe, callbackUrl: 'https://127.0.0.1/' }, 'callbackUrl'],
  ])('refuses %s', (_, account, field) => {
    expect(problemsOf(account)[0]).toMatch(new RegExp(`^SANDBOX_ACCOUNTS\\[0\\]\\.${field}: `));
  });

  it('refuses two with one name or one key, whatever they speak', () => {
    expect(problemsOf(stripe, { ...plain, account: stripe.account })).toEqual([
      'SANDBOX_ACCOUNTS: two accounts have the same account',
    ]);
    expect(problemsOf(razorpay, { ...plain, secretKey: razorpay.secretKey })).toEqual([
      'SANDBOX_ACCOUNTS: two accounts have the same secretKey',
    ]);
    expect(problemsOf(razorpay, { ...razorpay, account: 'acc_2', secretKey: 'other' })).toEqual([
      'SANDBOX_ACCOUNTS: two accounts have the same keyId',
    ]);
  });
});

it('PayU’s callbacks may have another shape, those of nobody else', () => {
  expect(problemsOf({ ...salted, callbackFormat: 'multipart' })).toEqual([]);
  const name = 'SANDBOX_ACCOUNTS[0].callbackFormat';
  const problem = `${name}: must be one of urlencoded, multipart, json`;
  expect(problemsOf({ ...salted, callbackFormat: 'xml' })).toEqual([problem]);
  expect(problemsOf({ ...stripe, callbackFormat: 'json' })).toEqual([
    `${name}: is no option of this dialect`,
  ]);
});

it('Stripe’s terms are its own, and each that cannot be meant is named', () => {
  expect(problemsOf({ ...stripe, rawCardData: false, payoutEveryMs: 1000 })).toEqual([]);
  expect(problemsOf({ ...stripe, rawCardData: 'no', payoutEveryMs: 1 })).toEqual([
    'SANDBOX_ACCOUNTS[0].rawCardData: must be true or false',
    'SANDBOX_ACCOUNTS[0].payoutEveryMs: must be an integer from 1000 to 31536000000',
  ]);
  expect(problemsOf({ ...plain, rawCardData: false })).toEqual([
    'SANDBOX_ACCOUNTS[0].rawCardData: is no option of this dialect',
  ]);
});
