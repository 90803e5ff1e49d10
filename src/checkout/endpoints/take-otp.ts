/**
 * POST /checkout/otp and POST /checkout/otp/resend: the forms of the result page of a payment whose bank wants a one-time password.
 *
 * Both lead back to the result page, which says what the database says; only what no database keeps (that the password was wrong,
 * that another comes) is named in its address, as one of a few words.
 *
 * @module
 */

import { isSessionId } from '../../domain/checkout-session.ts';
import { parseTransactionId, showTransactionId } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import { type Attempt, isFinal } from '../../domain/transaction.ts';
import type { AskShard } from '../../messages/ask.ts';
import { OTP_PATH, OTP_RESEND_PATH, type OtpNote } from '../bank-step.ts';
import { languageOf } from '../language.ts';
import { MESSAGES } from '../messages.ts';
import type { Otp, OtpAction } from '../otp.ts';
import { type OtpForm, readOtpForm } from '../otp-form.ts';
import { isOwnSite, SITE_HEADERS } from '../own-site.ts';
import { noticePage } from '../page.ts';
import { mayAct } from '../result.ts';
import type { RateLimit, WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { lookFailedPage, PAGE_HEADERS, refusalPage, resultPath, seeOther } from './show-checkout.ts';
import { findAttempt, NO_PAYMENT } from './show-result.ts';

export interface TakeOtpDeps {
  ask: AskShard;
  askDeadlineMs: number;
  otp: Otp;
  /** Scheme, host and port of checkout as browsers see it. */
  publicOrigin: string;
  /** One more password of this transaction? */
  otpRateLimit: RateLimit;
  /** One more message to the shopper of this transaction? */
  resendRateLimit: RateLimit;
  /** One more post from this address (of the connection: behind a proxy, the proxy's)? Default: always. */
  addressRateLimit?: RateLimit;
}

const OTP_BODY_BYTES_MAX = 1024;

/** Makes the two routes. */
export function takeOtpRoutes(deps: TakeOtpDeps): WebRoute[] {
  const common = {
    method: 'POST',
    bodyLimitBytes: OTP_BODY_BYTES_MAX,
    contentTypes: ['application/x-www-form-urlencoded'],
    headers: [...SITE_HEADERS, ...PAGE_HEADERS],
    wipesBody: true,
  } as const;
  return [
    {
      ...common,
      path: OTP_PATH,
      name: 'take_otp',
      handler: (request) => handle(deps, request, { rateLimit: deps.otpRateLimit, act: submit }),
    },
    {
      ...common,
      path: OTP_RESEND_PATH,
      name: 'resend_otp',
      handler: (request) => handle(deps, request, { rateLimit: deps.resendRateLimit, act: resend }),
    },
  ];
}

/** What a form asks for, of an attempt that waits for a password. Null: there is nothing to say beside what the database says. */
interface Deed {
  rateLimit: RateLimit;
  act(otp: Otp, attempt: Attempt, action: OtpAction, typed: Uint8Array | null): Promise<OtpNote | null>;
}

async function submit(otp: Otp, attempt: Attempt, action: OtpAction, typed: Uint8Array | null) {
  if (typed === null) return 'shape';
  const end = await otp.submit(attempt, action, typed);
  return end === 'told' ? null : end === 'again' ? 'wrong' : 'unheard';
}

async function resend(otp: Otp, attempt: Attempt, action: OtpAction) {
  return (await otp.resend(attempt, action)) ? 'resent' : 'not-resent';
}

async function handle(deps: TakeOtpDeps, request: WebRequest, deed: Deed): Promise<WebAnswer> {
  const language = languageOf(request.header('accept-language'));
  if (!isOwnSite(request, deps.publicOrigin)) {
    return refusalPage(refusal('origin_refused', 'Enter the password on the result page itself.'), language);
  }
  const reading = readOtpForm(request.body);
  if (!reading.ok) return refusalPage(reading.refusal, language);
  try {
    return await answer(deps, request, reading.form, deed);
  } finally {
    reading.form.otp?.fill(0);
  }
}

async function answer(deps: TakeOtpDeps, request: WebRequest, form: OtpForm, deed: Deed): Promise<WebAnswer> {
  const language = languageOf(request.header('accept-language'));
  const transactionId = parseTransactionId(form.transaction);
  if (transactionId === null) return refusalPage(NO_PAYMENT, language);
  const sessionId = isSessionId(form.session) ? form.session : '';
  const result = resultPath(showTransactionId(transactionId), sessionId);
  if ((await deps.addressRateLimit?.(request.remoteAddress(), request.now)) === false)
    return tooOftenPage(request, result);
  const found = await findAttempt(deps, transactionId);
  if ('code' in found) {
    if (found.code === 'payment_not_found') return refusalPage(found, language);
    return lookFailedPage(found, {
      language,
      again: result,
      transactionId: showTransactionId(transactionId),
    });
  }
  // Of a payment that is there: else whoever invents names would have each of them remembered.
  if (!(await deed.rateLimit(transactionId, request.now))) return tooOftenPage(request, result);
  const { attempt } = found;
  const action = otpAction(attempt, request.now);
  const note = action === null ? null : await deed.act(deps.otp, attempt, action, form.otp);
  return seeOther(note === null ? result : `${result}&otp=${note}`);
}

/** What the attempt waits for, when that is a password and the time for it is not over. */
function otpAction(attempt: Attempt, now: number): OtpAction | null {
  const { nextAction, status } = attempt;
  if (isFinal(status) || nextAction?.kind !== 'otp' || !mayAct(attempt, now)) return null;
  return nextAction;
}

function tooOftenPage(request: WebRequest, result: string): WebAnswer {
  const language = languageOf(request.header('accept-language'));
  const texts = MESSAGES[language];
  const links = [{ text: texts.backToPayment, url: result }];
  const page = noticePage({ status: 429, language, notice: texts.otpTooOften, links });
  return { ...page, headers: { ...page.headers, 'Retry-After': '60' }, code: 'rate_limited' };
}
