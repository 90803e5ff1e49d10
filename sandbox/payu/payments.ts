/**
 * Payments: what `POST /_payment` answers, and the native one-time password behind it.
 * @module
 */
import { hash } from 'node:crypto';
import { type Answer, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, ChargeVoice } from '../dialect.ts';
import { html } from '../html.ts';
import { factsOf } from './facts.ts';
import { signedParametersOf } from './parameters.ts';
import { refusalOf } from './refusals.ts';
import { showRupees } from './rupees.ts';
import { schemeOf } from './schemes.ts';
import { standingOf } from './standings.ts';

/** How often a one-time password may be tried, and sent again. */
export const OTP_TRIES = 3;

/** How often it was tried in vain, and sent again. */
export interface OtpCount {
  readonly wrong: number;
  readonly resent: number;
}

export const NO_OTP_YET: OtpCount = { wrong: 0, resent: 0 };

/**
 * The words of an account's payments.
 * @param bankUrl where shoppers reach the bank, without a trailing slash
 */
export function voiceOf(account: Account, bankUrl: string): ChargeVoice {
  return {
    charge: (charge, replayed) => (replayed ? duplicate() : answerOf(charge, account, bankUrl)),
    reused: duplicate,
    unavailable: () => refusalOf({ error: 'E500', message: 'Service unavailable, try again later' }, 503),
    internalError,
  };
}

function duplicate(): Answer {
  return refusalOf({ error: 'E504', message: 'Duplicate transaction id' });
}

function internalError(): Answer {
  return refusalOf({ error: 'E500', message: 'Some problem occurred' }, 500);
}

/** How the payment stands: whom to ask, and where, or all that is to be said. */
export function answerOf(charge: Charge, account: Account, bankUrl: string, otp = NO_OTP_YET): Answer {
  if (charge.status !== 'requires_action') return finalOf(charge, account);
  return jsonOf(
    200,
    charge.method === 'upi' ? upiOf(charge, account, bankUrl) : enrolledOf(charge, account, bankUrl, otp),
  );
}

/** The answer to a wrong one-time password that was not the last: as before, with a try less. */
export function wrongOtpOf(charge: Charge, account: Account, bankUrl: string, otp: OtpCount): Answer {
  const before = enrolledOf(charge, account, bankUrl, otp);
  const submitOtp = { attemptsLeft: String(OTP_TRIES - otp.wrong), status: 'failure' };
  return jsonOf(200, { ...before, metaData: { ...before.metaData, message: 'Incorrect OTP', submitOtp } });
}

/**
 * What names a payment towards whoever has a one-time password for it: 32 hex digits, the last of them the id, the others a
 * secret of the account, so that nobody else can make one.
 */
export function referenceIdOf(id: string, account: Account): string {
  return hash('sha256', `${id}|${account.secretKey}`, 'hex').slice(0, 32 - id.length) + id;
}

/** The id in a reference id; whether the rest is right is another question. */
export function idOfReference(referenceId: string): string {
  return referenceId.slice(-ID_LENGTH);
}

/** Digits of a mihpayid. */
export const ID_LENGTH = 17;

function finalOf(charge: Charge, account: Account): Answer {
  const { status, unmappedstatus, error, errorMessage } = standingOf(charge);
  return jsonOf(200, {
    metaData: {
      message: errorMessage === '' ? null : errorMessage,
      referenceId: referenceIdOf(charge.id, account),
      statusCode: error === '' ? null : error,
      txnId: factsOf(charge).txnid,
      txnStatus: status,
      unmappedStatus: unmappedstatus,
    },
    result: signedParametersOf(charge, account),
  });
}

function enrolledOf(charge: Charge, account: Account, bankUrl: string, { wrong, resent }: OtpCount) {
  const { txnid, pg } = factsOf(charge);
  return {
    metaData: {
      message: null,
      referenceId: referenceIdOf(charge.id, account),
      statusCode: null,
      txnId: txnid,
      txnStatus: 'Enrolled',
      unmappedStatus: 'pending',
      resendOtp: { isSupported: true, attemptsLeft: String(OTP_TRIES - resent) },
      submitOtp: { attemptsLeft: String(OTP_TRIES - wrong), status: '' },
    },
    result: {
      otpPostUrl: `${bankUrl}/ResponseHandler.php`,
      acsTemplate: templateOf(`${bankUrl}/3ds/${charge.id}`, charge),
    },
    binData: {
      pureS2SSupported: true,
      issuingBank: 'SANDBOX',
      category: pg === 'DC' ? 'debitcard' : 'creditcard',
      cardType: schemeOf(charge.bin),
      isDomestic: true,
    },
  };
}

function upiOf(charge: Charge, account: Account, bankUrl: string): object {
  const { txnid } = factsOf(charge);
  const amount = showRupees(charge.amount);
  const merchantVpa = `${account.account.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}@payu`;
  const link = {
    pa: merchantVpa,
    pn: account.account,
    tr: charge.id,
    tid: `PAYU${charge.id}`,
    am: amount,
    cu: 'INR',
    tn: `UPI payment ${txnid}`,
  };
  return {
    metaData: {
      message: null,
      referenceId: referenceIdOf(charge.id, account),
      statusCode: null,
      txnId: txnid,
      txnStatus: 'pending',
      unmappedStatus: 'pending',
    },
    result: {
      paymentId: charge.id,
      merchantName: account.account,
      merchantVpa,
      amount,
      intentURIData: Object.entries(link)
        .map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%40', '@')}`)
        .join('&'),
      acsTemplate: templateOf(`${bankUrl}/upi/${charge.id}`, charge),
      otpPostUrl: null,
    },
  };
}

/** A page that brings the browser to the bank's by a form that submits itself, in base64. The bank looks at the address only. */
function templateOf(url: string, { id }: Charge): string {
  const creq = Buffer.from(JSON.stringify({ acsTransID: id })).toString('base64url');
  const page = html`<html><body onload="document.forms[0].submit()">
<form method="post" action="${url}">
<input type="hidden" name="creq" value="${creq}">
<noscript><button>Continue</button></noscript>
</form>
</body></html>`;
  return Buffer.from(page.html).toString('base64');
}
