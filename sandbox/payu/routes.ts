/**
 * PayU's routes: to pay, to give a one-time password, and to ask. All of them take forms.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from '../answers.ts';
import { BODY_BYTES_MAX, readBody } from '../body.ts';
import type { Charge } from '../book.ts';
import type { Account, Desk, Routes } from '../dialect.ts';
import type { Records } from '../records.ts';
import { answerCommand } from './commands.ts';
import type { Fields } from './hashes.ts';
import { readOrder } from './orders.ts';
import {
  answerOf,
  idOfReference,
  NO_OTP_YET,
  OTP_TRIES,
  type OtpCount,
  referenceIdOf,
  voiceOf,
  wrongOtpOf,
} from './payments.ts';
import { commandRefusalOf, refusalOf, refuse } from './refusals.ts';
import { RIGHT_OTP } from './rules.ts';

const PAYMENT = '/_payment';
const OTP = '/ResponseHandler.php';
const COMMAND = '/merchant/postservice.php';

export class PayuRoutes implements Routes {
  readonly #desk: Desk;
  readonly #otps: Records<OtpCount>;

  /** @param otps by mihpayid */
  constructor(desk: Desk, otps: Records<OtpCount>) {
    this.#desk = desk;
    this.#otps = otps;
  }

  owns(path: string): boolean {
    return path === PAYMENT || path === OTP || path === COMMAND;
  }

  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const refusal = path === COMMAND ? commandRefusalOf : refusePayment;
    if (request.method !== 'POST') return answer(response, refusal('POST is needed', 405));
    if (!isForm(request)) return answer(response, refusal('A form (urlencoded) is needed', 415));
    const body = await readBody(request, BODY_BYTES_MAX);
    if (body === null) {
      response.shouldKeepAlive = false;
      return answer(response, refusal(`At most ${BODY_BYTES_MAX} bytes`, 413));
    }
    const fields: Fields = Object.fromEntries(new URLSearchParams(body.toString('utf8')));
    if (path === PAYMENT) return await this.#pay(fields, response);
    if (path === OTP) return await this.#takeOtp(fields, response);
    if (query.get('form') !== '2') return answer(response, commandRefusalOf('form=2 is needed'));
    await answerCommand(this.#desk, fields, response);
  }

  async #pay(fields: Fields, response: ServerResponse): Promise<void> {
    const account = this.#desk.accounts.find((one) => one.account === fields.key);
    if (account === undefined) return answer(response, refusalOf(refuse('EX158', 'Invalid merchant key')));
    const read = readOrder(fields, account);
    if (!read.ok) return answer(response, refusalOf(read));
    await this.#desk.charge(response, account, read.order, voiceOf(account, this.#desk.bankUrl()));
  }

  /** Native one-time password: submitted, or sent again. A payment that does not wait for one is answered as it stands. */
  async #takeOtp(
    { referenceId = '', otp = '', resendOtp = '' }: Fields,
    response: ServerResponse,
  ): Promise<void> {
    const found = this.#findByReferenceId(referenceId);
    if (found === null) return answer(response, refusalOf(refuse('EX158', 'Invalid referenceId')));
    const { charge, account } = found;
    await charge.written;
    const bankUrl = this.#desk.bankUrl();
    const before = this.#otps.get(charge.id) ?? NO_OTP_YET;
    if (charge.status !== 'requires_action') return answer(response, answerOf(charge, account, bankUrl));
    if (resendOtp === '1') {
      if (before.resent === OTP_TRIES) return answer(response, refusalOf(refuse('EX158', 'No resend left')));
      const count = { ...before, resent: before.resent + 1 };
      await this.#otps.put(charge.id, count);
      return answer(response, answerOf(charge, account, bankUrl, count));
    }
    if (!/^[0-9]{4,10}$/.test(otp)) return answer(response, refusalOf(refuse('EX158', 'Invalid otp')));
    if (otp !== RIGHT_OTP && before.wrong + 1 < OTP_TRIES) {
      const count = { ...before, wrong: before.wrong + 1 };
      await this.#otps.put(charge.id, count);
      return answer(response, wrongOtpOf(charge, account, bankUrl, count));
    }
    this.#desk.decideAsked(charge, otp === RIGHT_OTP ? 'approve' : 'wrong_otp');
    await charge.written;
    answer(response, answerOf(charge, account, bankUrl));
  }

  #findByReferenceId(referenceId: string): { readonly charge: Charge; readonly account: Account } | null {
    const charge = this.#desk.book.findById(idOfReference(referenceId));
    const account = this.#desk.accounts.find((one) => one.account === charge?.account);
    if (charge === undefined || account === undefined || charge.method === 'upi') return null;
    return referenceIdOf(charge.id, account) === referenceId ? { charge, account } : null;
  }
}

function isForm({ headers }: IncomingMessage): boolean {
  return /^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers['content-type'] ?? '');
}

function refusePayment(message: string, status: number) {
  return refusalOf({ error: 'EX158', message }, status);
}
