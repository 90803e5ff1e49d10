/**
 * The routes of the bank's pages for shoppers: what is decided there is booked first and said afterwards.
 *
 * The id of the charge is the key to its page: only the shopper who was sent there knows it.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pause } from './answers.ts';
import { answerPage, type BankPage } from './bank-layout.ts';
import { readBody } from './body.ts';
import { type Book, type Charge, decided } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import {
  authenticationPage,
  closePage,
  handOverPage,
  leftPage,
  refusedPage,
  standingPage,
  upiDonePage,
  upiPage,
} from './challenge-pages.ts';
import type { Challenges } from './challenges.ts';
import type { Account, Choice, WayBack } from './dialect.ts';
import type { Dialects } from './dialects.ts';
import { type FaultOrder, type Faults, OF_THE_RETURN } from './faults.ts';

/** What the routes work with. */
export interface ChallengeDesk {
  readonly accounts: readonly Account[];
  readonly dialects: Dialects;
  readonly book: Book;
  readonly callbacks: Callbacks;
  readonly challenges: Challenges;
  readonly faults: Faults;
  readonly clock: () => number;
}

const FORM_BYTES_MAX = 4096;
const PATH = /^\/(3ds|upi)\/([0-9A-Za-z_]{1,64})$/;
/** What may be chosen on each page. */
const CHOICES: Readonly<Record<string, readonly Choice[]>> = {
  '3ds': ['approve', 'decline'],
  upi: ['approve', 'decline', 'insufficient_funds'],
};

/** Answers `GET` and `POST` of `/3ds/{charge id}` and `/upi/{charge id}`. */
export async function answerChallenge(
  desk: ChallengeDesk,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const [, page = '', id = ''] = PATH.exec(path) ?? [];
  const charge = desk.book.findById(id);
  if (charge?.expiresAt === undefined || (charge.method === 'upi') !== (page === 'upi')) {
    return answerPage(response, refusedPage(404));
  }
  await charge.written;
  if (request.method === 'GET') return answerPage(response, pageOf(desk, charge));
  if (request.method !== 'POST') return answerPage(response, refusedPage(405));
  const body = await readBody(request, FORM_BYTES_MAX);
  const form = new URLSearchParams(body?.toString('utf8'));
  const chosen = form.get('choice');
  // A form of the merchant's, which only brings the shopper here.
  if (body !== null && chosen === null) return answerPage(response, pageOf(desk, charge));
  if (chosen === 'leave' && page === '3ds') return answerPage(response, leftPage(charge));
  const choice = CHOICES[page]!.find((known) => known === chosen);
  if (choice === undefined) return answerPage(response, refusedPage(400));
  await takeChoice(desk, charge, judged(desk, charge, choice, form.get('otp') ?? ''), response);
}

function pageOf({ dialects, clock }: ChallengeDesk, charge: Charge): BankPage {
  if (charge.status !== 'requires_action') return standingPage(charge);
  if (charge.method === 'upi') return upiPage(charge, clock());
  return authenticationPage(charge, clock(), dialects.of(charge).isRightOtp !== undefined);
}

/** An approval by a one-time password is worth what the password is; without one it is believed. */
function judged({ dialects }: ChallengeDesk, charge: Charge, choice: Choice, otp: string): Choice {
  if (choice !== 'approve' || otp === '') return choice;
  return dialects.of(charge).isRightOtp?.(otp) === false ? 'wrong_otp' : 'approve';
}

/** A choice after the first changes nothing: the shopper is told, or led back, as the charge stands. */
async function takeChoice(
  desk: ChallengeDesk,
  charge: Charge,
  choice: Choice,
  response: ServerResponse,
): Promise<void> {
  const fault = charge.status === 'requires_action' ? takeFault(desk, charge) : undefined;
  const late = fault?.fault === 'decideLate';
  if (late) desk.challenges.decideLate(charge, choice, fault.ms);
  else desk.challenges.decide(charge, choice);
  await charge.written;
  // Its outcome is not looked at: the callback is owed anyway and comes again.
  if (fault?.fault === 'callbackFirst') await desk.callbacks.replay(charge);
  if (fault?.fault === 'delay' && !(await pause(fault.ms, response))) return;
  if (fault?.fault === 'drop') response.destroy();
  else if (!late && charge.status === 'requires_action') answerPage(response, pageOf(desk, charge));
  else if (fault?.fault === 'noReturn') answerPage(response, closePage(charge));
  else leadBack(desk, charge, late ? choice : undefined, fault?.fault === 'forgeReturn', response);
}

/**
 * Leads the shopper back, or says how the charge stands where there is no way back.
 * @param onItsWay of a decision that is late: the shopper is told it, although it is not booked yet
 */
function leadBack(
  desk: ChallengeDesk,
  charge: Charge,
  onItsWay: Choice | undefined,
  forged: boolean,
  response: ServerResponse,
): void {
  const account = desk.accounts.find((one) => one.account === charge.account);
  if (charge.returnUrl === undefined || account === undefined) {
    answerPage(response, upiDonePage(charge));
    return;
  }
  const dialect = desk.dialects.of(charge);
  const now = desk.clock();
  const shown =
    onItsWay === undefined ? charge : decided(charge, dialect.decideAsked(charge, onItsWay, now), now);
  const way = forged
    ? dialect.leadBackForged(shown, account, charge.returnUrl)
    : dialect.leadBack(shown, account, charge.returnUrl);
  if (way.via === 'form') answerPage(response, handOverPage(charge, way));
  else redirect(response, way);
}

function takeFault({ faults }: ChallengeDesk, charge: Charge): FaultOrder | undefined {
  const facts = { card: charge.bin, reference: charge.reference, amount: charge.amount };
  return faults.take('challenge', facts, charge.returnUrl === undefined ? OF_THE_RETURN : []);
}

function redirect(response: ServerResponse, { url, fields }: WayBack): void {
  const target = new URL(url);
  for (const [name, value] of Object.entries(fields)) target.searchParams.append(name, value);
  response.writeHead(303, { Location: target.href, 'Cache-Control': 'no-store', 'Content-Length': '0' });
  response.end();
}
