/**
 * The routes of the bank's pages for shoppers: what is decided there is booked first and said afterwards.
 *
 * The id of the charge is the key to its page: only the shopper who was sent there knows it.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pause } from './answers.ts';
import { type ChargeStatus, type Choice, decideAsked } from './bank.ts';
import { answerPage, type BankPage } from './bank-layout.ts';
import { readBody } from './body.ts';
import type { Book, Charge } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import {
  authenticationPage,
  closePage,
  leftPage,
  refusedPage,
  standingPage,
  upiDonePage,
  upiPage,
} from './challenge-pages.ts';
import type { Challenges } from './challenges.ts';
import type { FaultKind, FaultOrder, Faults } from './faults.ts';

/** What the routes work with. */
export interface ChallengeDesk {
  readonly book: Book;
  readonly callbacks: Callbacks;
  readonly challenges: Challenges;
  readonly faults: Faults;
  readonly clock: () => number;
}

const FORM_BYTES_MAX = 4096;
const PATH = /^\/(3ds|upi)\/(ch_[0-9a-f]{32})$/;
/** What may be chosen on each page. */
const CHOICES: Readonly<Record<string, readonly Choice[]>> = {
  '3ds': ['approve', 'decline'],
  upi: ['approve', 'decline', 'insufficient_funds'],
};
/** Faults of the way back, which a UPI app does not have. */
const OF_THE_RETURN: readonly FaultKind[] = ['noReturn', 'forgeReturn'];

/** Answers `GET` and `POST` of `/3ds/{charge id}` and `/upi/{charge id}`. */
export async function answerChallenge(
  desk: ChallengeDesk,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const [, page = '', id = ''] = PATH.exec(path) ?? [];
  const charge = desk.book.findAsking(id);
  if (charge === undefined || (charge.method === 'upi') !== (page === 'upi')) {
    return answerPage(response, refusedPage(404));
  }
  await charge.written;
  if (request.method === 'GET') return answerPage(response, pageOf(charge, desk.clock()));
  if (request.method !== 'POST') return answerPage(response, refusedPage(405));
  const body = await readBody(request, FORM_BYTES_MAX);
  const chosen = body === null ? null : new URLSearchParams(body.toString('utf8')).get('choice');
  if (chosen === 'leave' && page === '3ds') return answerPage(response, leftPage(charge));
  const choice = CHOICES[page]!.find((known) => known === chosen);
  if (choice === undefined) return answerPage(response, refusedPage(400));
  await takeChoice(desk, charge, choice, response);
}

function pageOf(charge: Charge, now: number): BankPage {
  if (charge.status !== 'requires_action') return standingPage(charge);
  return charge.method === 'upi' ? upiPage(charge, now) : authenticationPage(charge, now);
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
  // What the way back says; of a decision that is late, what is on its way.
  const status = late ? decideAsked(charge, choice).status : charge.status;
  await charge.written;
  // Its outcome is not looked at: the callback is owed anyway and comes again.
  if (fault?.fault === 'callbackFirst') await desk.callbacks.replay(charge);
  if (fault?.fault === 'delay' && !(await pause(fault.ms, response))) return;
  const { returnUrl } = charge;
  if (fault?.fault === 'drop') response.destroy();
  else if (fault?.fault === 'noReturn') answerPage(response, closePage(charge));
  else if (returnUrl === undefined) answerPage(response, upiDonePage(charge));
  else if (fault?.fault === 'forgeReturn') sendBack(response, returnUrl, forgedHints(charge, status));
  else sendBack(response, returnUrl, { charge: charge.id, status });
}

function takeFault({ faults }: ChallengeDesk, charge: Charge): FaultOrder | undefined {
  const facts = { card: charge.bin, reference: charge.reference, amount: charge.amount };
  return faults.take('challenge', facts, charge.returnUrl === undefined ? OF_THE_RETURN : []);
}

/** Back to the shop with what is said there. */
function sendBack(
  response: ServerResponse,
  returnUrl: string,
  hints: Readonly<Record<string, string>>,
): void {
  const url = new URL(returnUrl);
  for (const [name, value] of Object.entries(hints)) url.searchParams.append(name, value);
  response.writeHead(303, { Location: url.href, 'Cache-Control': 'no-store', 'Content-Length': '0' });
  response.end();
}

/** The opposite status of a charge and a reference that are another's. */
function forgedHints({ id, reference }: Charge, status: ChargeStatus): Record<string, string> {
  return {
    charge: otherThan(id),
    status: status === 'declined' ? 'succeeded' : 'declined',
    reference: otherThan(reference),
  };
}

/** Of the same shape; its last character differs. */
function otherThan(text: string): string {
  return text.slice(0, -1) + (text.endsWith('2') ? '3' : '2');
}
