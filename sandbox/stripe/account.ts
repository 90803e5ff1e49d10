/**
 * What an account of Stripe's must look like; what Stripe allows it, and when it pays out.
 * @module
 */
import { type AccountForm, type Field, text } from '../account-form.ts';
import type { Account } from '../dialect.ts';

export interface StripeTerms {
  /** Whether the account may send card numbers itself. @default true */
  readonly rawCardData: boolean;
  /** The secret before this one, while it is rolled: webhooks are signed with both. */
  readonly previousWebhookSecret: string | undefined;
  /** From a charge until its money is available. @default two days */
  readonly availableAfterMs: number;
  /** Available money is paid out at whole multiples of this since 1970. @default a day */
  readonly payoutEveryMs: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_TERMS: StripeTerms = {
  rawCardData: true,
  previousWebhookSecret: undefined,
  availableAfterMs: 2 * DAY_MS,
  payoutEveryMs: DAY_MS,
};

export const stripeAccount: AccountForm = {
  words: {
    account: text(/^acct_[A-Za-z0-9_]{1,60}$/, 'acct_ and up to 60 of A-Z a-z 0-9 _'),
    secretKey: text(/^sk_test_[A-Za-z0-9_]{1,240}$/, 'sk_test_ and up to 240 of A-Z a-z 0-9 _'),
    webhookSecret: text(/^whsec_[\x21-\x7e]{1,250}$/, 'whsec_ and up to 250 characters'),
  },
  options: {
    rawCardData: { fits: (value) => typeof value === 'boolean', wanted: 'true or false' },
    previousWebhookSecret: text(/./s, 'a secret'),
    availableAfterMs: milliseconds(0),
    payoutEveryMs: milliseconds(1000),
  } satisfies Record<keyof StripeTerms, Field>,
};

/** The terms of an account. */
export function termsOf({ options }: Account): StripeTerms {
  return { ...DEFAULT_TERMS, ...(options as Partial<StripeTerms> | undefined) };
}

function milliseconds(min: number): Field {
  const max = 365 * DAY_MS;
  return {
    fits: (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
    wanted: `an integer from ${min} to ${max}`,
  };
}
