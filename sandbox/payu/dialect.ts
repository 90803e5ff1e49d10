/**
 * The PayU dialect (India, classic): forms in, JSON out, hashes both ways, forms back. README.md beside it says what it assumes.
 * @module
 */
import { randomInt } from 'node:crypto';
import type { Charge } from '../book.ts';
import { type Account, type Dialect, otherThan, type WayBack } from '../dialect.ts';
import { documentedCards } from './cards.ts';
import { factsOf } from './facts.ts';
import { lettersOf } from './letters.ts';
import { signedParametersOf } from './parameters.ts';
import { ID_LENGTH, type OtpCount } from './payments.ts';
import { PayuRoutes } from './routes.ts';
import { decide, decideAsked, decideLater, RIGHT_OTP } from './rules.ts';

export const payu: Dialect = {
  name: 'payu',
  processor: 'PAYU',
  // Rupees alone, and no row of it takes a payment back.
  cannotSettle: ['otherCurrency', 'takeBack'],
  testCards: documentedCards,
  open: async (desk) => new PayuRoutes(desk, await desk.openRecords<OtpCount>('otps')),
  newId,
  decide,
  decideAsked,
  decideLater,
  letters: lettersOf,
  leadBack,
  leadBackForged,
  ofAnother,
  isRightOtp: (otp) => otp === RIGHT_OTP,
};

/** A mihpayid: digits, as hard to guess as the address of a shopper's page must be. */
function newId(): string {
  const digits = (count: number): string => String(randomInt(10 ** count)).padStart(count, '0');
  return `4${digits(ID_LENGTH - 9)}${digits(8)}`;
}

/** A pending payment goes to surl too: nothing has failed. */
function leadBack(charge: Charge, account: Account): WayBack {
  const { surl, furl } = factsOf(charge);
  return {
    via: 'form',
    url: charge.status === 'declined' ? furl : surl,
    fields: signedParametersOf(charge, account),
  };
}

/** The opposite of how it stands, of another payment, under a salt that is not the account's. */
function leadBackForged(charge: Charge, account: Account): WayBack {
  const lie: Charge = {
    ...ofAnother(charge),
    id: otherThan(charge.id),
    status: charge.status === 'declined' ? 'succeeded' : 'declined',
    word: undefined,
    declineCode: undefined,
  };
  return leadBack(lie, { ...account, secretKey: `${account.secretKey}-forged` });
}

function ofAnother(charge: Charge): Charge {
  const facts = factsOf(charge);
  const [udf1 = '', ...others] = facts.udf;
  return {
    ...charge,
    reference: otherThan(charge.reference),
    facts: {
      ...facts,
      txnid: otherThan(facts.txnid),
      udf: [udf1 === '' ? '' : otherThan(udf1), ...others],
    },
  };
}
