/**
 * Payment requests: the form of `POST /_payment`, checked as strictly as PayU checks it, and stricter where the reference is silent.
 * @module
 */
import { isLuhnValid } from '../card-numbers.ts';
import type { Account, Order, OrderedCard, OrderedUpi } from '../dialect.ts';
import { isRecord, parseJson } from '../json.ts';
import type { PayuFacts } from './facts.ts';
import { additionalChargesOf, type Fields, isHash, requestHash, UDF_NAMES } from './hashes.ts';
import { type PayuRefusal, refuse } from './refusals.ts';
import { readRupees } from './rupees.ts';
import { fitsScheme } from './schemes.ts';

/** The fields that must be there, and how long they may be. Source: 2a of the reference, else (phone, URLs) this bank's own. */
const LIMITS: readonly (readonly [string, number])[] = [
  ['txnid', 25],
  ['productinfo', 100],
  ['firstname', 60],
  ['email', 50],
  ['phone', 20],
  ['surl', 2000],
  ['furl', 2000],
  ['s2s_client_ip', 45],
  ['s2s_device_info', 2000],
];
const UDF_LENGTH_MAX = 255;

/** The bankcodes of UPI: how the shopper is asked. `pg=UPI bankcode=UPI` collects from a VPA. */
const UPI_CODES: Readonly<Record<string, readonly string[]>> = { UPI: ['INTENT', 'UPI'], DBQR: ['UPIDBQR'] };

/** A VPA: a name, an at-sign, a handle. */
export const VPA = /^[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}$/;

/** Reads a payment request of an account. The hash is checked before anything it covers. */
export function readOrder(
  fields: Fields,
  { secretKey }: Account,
): { readonly ok: true; readonly order: Order } | PayuRefusal {
  if (!isHash(fields.hash, requestHash(fields, secretKey)))
    return refuse('E700', 'Transaction failed due to incorrectly calculated hash parameter');
  const unfit = unfitField(fields);
  if (unfit !== null) return unfit;
  const amount = readRupees(fields.amount ?? '') ?? 0;
  if (amount === 0) return refuse('EX158', 'Invalid amount');
  const method = readMethod(fields);
  if (!method.ok) return method;
  const facts = readFacts(fields, method.vpa);
  return {
    ok: true,
    order: {
      reference: facts.udf[0]! === '' ? facts.txnid : facts.udf[0]!,
      key: facts.txnid,
      amount,
      currency: 'INR',
      method: method.method,
      returnUrl: facts.surl,
      facts,
    },
  };
}

/** The first field that is missing or not what it must be; null when all are fit. */
function unfitField(fields: Fields): PayuRefusal | null {
  for (const [name, lengthMax] of LIMITS) {
    const value = fields[name] ?? '';
    if (value === '') return refuse('EX158', `Mandatory parameter ${name} is missing`);
    if (value.length > lengthMax) return refuse('EX158', `${name} exceeds ${lengthMax} characters`);
  }
  for (const name of UDF_NAMES) {
    if ((fields[name] ?? '').length > UDF_LENGTH_MAX)
      return refuse('EX158', `${name} exceeds ${UDF_LENGTH_MAX} characters`);
  }
  if (!/^[A-Za-z0-9._:-]+$/.test(fields.txnid!)) return refuse('EX158', 'Invalid txnid');
  if (!/^[^@\s]+@[^@\s]+$/.test(fields.email!)) return refuse('EX158', 'Invalid email');
  if (!/^\+?[0-9 -]+$/.test(fields.phone!)) return refuse('EX158', 'Invalid phone');
  if (!isHttpUrl(fields.surl!)) return refuse('EX158', 'Invalid surl');
  if (!isHttpUrl(fields.furl!)) return refuse('EX158', 'Invalid furl');
  const charges = additionalChargesOf(fields);
  if (charges !== undefined && charges !== '' && readRupees(charges) === null)
    return refuse('EX158', 'Invalid additional_charges');
  if (fields.txn_s2s_flow !== '4') return refuse('EX158', 'Invalid txn_s2s_flow');
  if (fields.threeDS2RequestData !== undefined && !hasBrowserInfo(fields.threeDS2RequestData))
    return refuse('EX158', 'Invalid threeDS2RequestData');
  return null;
}

type ReadMethod =
  | { readonly ok: true; readonly method: OrderedCard | OrderedUpi; readonly vpa: string }
  | PayuRefusal;

function readMethod(fields: Fields): ReadMethod {
  const { pg = '', bankcode = '' } = fields;
  if (pg === 'CC' || pg === 'DC') return readCard(fields, pg, bankcode);
  if (UPI_CODES[pg]?.includes(bankcode) !== true) return refuse('EX158', 'Invalid pg or bankcode');
  const { vpa = '' } = fields;
  if (bankcode !== 'UPI') return { ok: true, method: { type: 'upi' }, vpa: '' };
  if (!VPA.test(vpa)) return refuse('EX158', 'Invalid VPA');
  return { ok: true, method: { type: 'upi', vpa }, vpa };
}

function readCard(fields: Fields, pg: 'CC' | 'DC', bankcode: string): ReadMethod {
  const { ccnum = '', ccname = '', ccvv = '', ccexpmon = '', ccexpyr = '' } = fields;
  if (fields.authentication_flow !== 'REDIRECT') return refuse('EX158', 'Invalid authentication_flow');
  if (!/^[A-Z0-9]{2,8}$/.test(bankcode)) return refuse('EX158', 'Invalid pg or bankcode');
  if (!/^[0-9]{13,19}$/.test(ccnum) || !isLuhnValid(ccnum)) return refuse('E305', 'Invalid card number');
  if (!fitsScheme(bankcode, ccnum)) return refuse('E902', 'Card type does not fit the bankcode');
  if (ccname.trim() === '') return refuse('EX158', 'Mandatory parameter ccname is missing');
  if (!(/^3[47]/.test(ccnum) ? /^[0-9]{4}$/ : /^[0-9]{3}$/).test(ccvv)) return refuse('E313', 'Invalid CVV');
  if (!/^(0[1-9]|1[0-2])$/.test(ccexpmon) || !/^20[0-9]{2}$/.test(ccexpyr))
    return refuse('E323', 'Invalid card expiry date');
  const method: OrderedCard = {
    type: 'card',
    number: ccnum,
    expiryMonth: Number(ccexpmon),
    expiryYear: Number(ccexpyr),
    funding: pg === 'DC' ? 'debit' : 'credit',
  };
  return { ok: true, method, vpa: '' };
}

function readFacts(fields: Fields, vpa: string): PayuFacts {
  const word = (name: string): string => fields[name] ?? '';
  return {
    txnid: word('txnid'),
    productinfo: word('productinfo'),
    firstname: word('firstname'),
    lastname: word('lastname'),
    email: word('email'),
    phone: word('phone'),
    udf: UDF_NAMES.map(word),
    surl: word('surl'),
    furl: word('furl'),
    pg: word('pg'),
    bankcode: word('bankcode'),
    additionalCharges: additionalChargesOf(fields) ?? '',
    vpa,
  };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function hasBrowserInfo(text: string): boolean {
  const data = parseJson(text);
  return isRecord(data) && isRecord(data.browserInfo);
}
