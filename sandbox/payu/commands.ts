/**
 * Commands: `POST /merchant/postservice.php?form=2`, by which a merchant asks.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { type Answer, answer, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, Desk } from '../dialect.ts';
import { factsOf } from './facts.ts';
import { commandHash, type Fields, isHash } from './hashes.ts';
import { isDay, istDay } from './ist.ts';
import { VPA } from './orders.ts';
import { commandRefusalOf } from './refusals.ts';
import { schemeOf } from './schemes.ts';
import { decidedOn, settlementRowOf } from './settlements.ts';
import { transactionOf, transactionsVoice } from './transactions.ts';

/** A command of an account whose hash is right. */
interface Asked {
  readonly desk: Desk;
  readonly account: Account;
  readonly fields: Fields;
  readonly var1: string;
}

type Command = (asked: Asked, response: ServerResponse) => Promise<void> | void;

const COMMANDS: Readonly<Record<string, Command>> = {
  verify_payment: verifyPayments,
  check_payment: checkPayment,
  get_Transaction_Details: listTransactions,
  get_settlement_details: listSettlements,
  validateVPA: ({ var1 }, response) => answer(response, vpaOf(var1)),
  check_isDomestic: ({ var1 }, response) => answer(response, binOf(var1)),
};
const PAGE_SIZE_DEFAULT = 2000;
/** How many payments may be asked for at once. This bank's own. */
const ASKED_MAX = 100;

/** Answers a command. */
export async function answerCommand(desk: Desk, fields: Fields, response: ServerResponse): Promise<void> {
  const account = desk.accounts.find((one) => one.account === fields.key);
  if (account === undefined) return answer(response, commandRefusalOf('Invalid merchant key'));
  if (!isHash(fields.hash, commandHash(fields, account.secretKey)))
    return answer(response, commandRefusalOf('Invalid Hash.'));
  const { command = '', var1 = '' } = fields;
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (run === undefined) return answer(response, commandRefusalOf('Invalid Command'));
  if (var1 === '') return answer(response, commandRefusalOf('Parameter missing: var1'));
  await run({ desk, account, fields, var1 }, response);
}

/** By txnid, several joined by `|`. */
async function verifyPayments({ desk, account, var1 }: Asked, response: ServerResponse): Promise<void> {
  const txnids = [...new Set(var1.split('|'))];
  if (txnids.length > ASKED_MAX)
    return answer(response, commandRefusalOf(`At most ${ASKED_MAX} transactions`));
  const charges = txnids.flatMap((txnid) => desk.book.find(account.account, txnid) ?? []);
  const reference = charges[0]?.reference ?? txnids[0]!;
  const nameOf = (charge: Charge) => factsOf(charge).txnid;
  const voice = transactionsVoice({ names: txnids, nameOf, charges }, account);
  await desk.query(response, { reference, charges }, voice);
}

/** By mihpayid. */
async function checkPayment({ desk, account, var1 }: Asked, response: ServerResponse): Promise<void> {
  const charge = desk.book.findById(var1);
  const charges = charge?.account === account.account ? [charge] : [];
  const nameOf = ({ id }: Charge) => id;
  const voice = transactionsVoice({ names: [var1], nameOf, charges }, account);
  await desk.query(response, { reference: charges[0]?.reference ?? var1, charges }, voice);
}

/** Those created from day `var1` to day `var2`, both of them included. */
async function listTransactions(
  { desk, account, fields, var1 }: Asked,
  response: ServerResponse,
): Promise<void> {
  const { var2 = '' } = fields;
  if (!isDay(var1) || !isDay(var2)) return answer(response, commandRefusalOf(WRONG_DATE));
  const charges = [...desk.book.ofAccount(account.account)].filter(({ createdAt }) => {
    const day = istDay(createdAt);
    return var1 <= day && day <= var2;
  });
  await written(charges);
  answer(
    response,
    jsonOf(200, {
      status: 1,
      msg: 'Transaction Fetched Successfully',
      Transaction_details: charges.map((charge) => transactionOf(charge, account)),
    }),
  );
}

/** Of a day or a UTR (`var1`), a page (`var2`, from 1) of so many rows (`var3`), in version `var5`. */
async function listSettlements(
  { desk, account, fields, var1 }: Asked,
  response: ServerResponse,
): Promise<void> {
  const { var2 = '1', var3 = String(PAGE_SIZE_DEFAULT), var5 = '1' } = fields;
  if (!isDay(var1) && !/^[A-Z]{2,}[0-9A-Z]+$/.test(var1))
    return answer(response, commandRefusalOf(WRONG_DATE));
  if (!/^[1-9][0-9]{0,6}$/.test(var2) || !/^[1-9][0-9]{0,6}$/.test(var3) || !(var5 === '1' || var5 === '2'))
    return answer(response, commandRefusalOf('Invalid page, page size or version'));
  const charges = decidedOn(desk.book.ofAccount(account.account), account, var1);
  await written(charges);
  const settled = desk.settled(charges);
  const from = (Number(var2) - 1) * Number(var3);
  const rows = settled
    .slice(from, from + Number(var3))
    .map((row, index) => [String(index + 1), settlementRowOf(row, account, var5)] as const);
  answer(
    response,
    jsonOf(200, {
      status: 1,
      msg: `${settled.length} transactions settled on ${var1}`,
      Txn_details: rows.length === 0 ? [] : Object.fromEntries(rows),
    }),
  );
}

/** Every VPA that is one has a payer, but for those whose name begins with `invalid`. */
function vpaOf(vpa: string): Answer {
  const valid = VPA.test(vpa) && !vpa.startsWith('invalid');
  return jsonOf(200, {
    status: 'SUCCESS',
    vpa,
    isVPAValid: valid ? 1 : 0,
    payerAccountName: valid ? 'Sandbox Shopper' : 'NA',
  });
}

function binOf(bin: string): Answer {
  if (!/^[0-9]{6,9}$/.test(bin)) return commandRefusalOf('Invalid card bin');
  return jsonOf(200, {
    isDomestic: 'Y',
    issuingBank: 'SANDBOX',
    cardType: schemeOf(bin),
    cardCategory: 'creditcard',
  });
}

/** The reference has its beginning only. */
const WRONG_DATE = 'Please check date format. It should be YYYY-MM-DD';

/** What is shown must be on disk. */
async function written(charges: readonly Charge[]): Promise<void> {
  for (const charge of charges) await charge.written;
}
