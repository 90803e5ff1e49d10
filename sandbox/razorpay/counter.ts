/**
 * The counter: what every route of the dialect gets, and how it reads a body and refuses.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from '../answers.ts';
import { readBody } from '../body.ts';
import type { Charge } from '../book.ts';
import type { Account, Desk } from '../dialect.ts';
import type { Orders } from './orders.ts';
import { type Parameters, readParameters } from './parameters.ts';
import { type Problem, refusal, unknownId } from './problems.ts';

/** What the routes work with. */
export interface Counter {
  readonly desk: Desk;
  readonly orders: Orders;
}

/** One request of an account. */
export interface Call {
  readonly account: Account;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The identifier in the address; empty where there is none. */
  readonly id: string;
  readonly query: URLSearchParams;
}

const BODY_BYTES_MAX = 64 * 1024;
const TOO_LARGE = 413;

/** Answers with a problem. */
export function refuse(response: ServerResponse, problem: Problem): void {
  answer(response, refusal(problem));
}

/** Reads the body. When there is none worth reading, answers and returns null. */
export async function parametersOf({ request, response }: Call): Promise<Parameters | null> {
  const body = await readBody(request, BODY_BYTES_MAX);
  if (body === null) {
    response.shouldKeepAlive = false;
    answer(response, { status: TOO_LARGE, body: '{"message":"Payload Too Large"}' });
    return null;
  }
  const read = readParameters(request.headers['content-type'], body);
  if (read.ok) return read.parameters;
  refuse(response, read.problem);
  return null;
}

/** The payment in the address, as it stands on disk. When it is not the account's, answers and returns null. */
export async function paymentOf({ desk }: Counter, { account, response, id }: Call): Promise<Charge | null> {
  const charge = desk.book.findById(id);
  if (charge?.account !== account.account) {
    refuse(response, unknownId);
    return null;
  }
  await charge.written;
  return charge;
}
