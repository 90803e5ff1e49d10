/**
 * Our charge → PayU's. The card's last stop.
 *
 * The body is built as bytes: card number, CVV and name never become strings, and the one buffer that holds them is filled with zeros
 * once it was sent. An answer that claims an end is not believed: `verify_payment` is asked, and says.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { type NextAction, type ProcessorWord, senderWord } from '../../domain/processor-word.ts';
import { createHttpClient } from '../../outbound/http-client.ts';
import type { ChargeCard, ChargeMethod, ChargeRequest, ChargeRoom, ChargeRoomDeps } from '../connector.ts';
import { encodeForm, type FormField } from '../form.ts';
import { notSentWord } from '../not-sent.ts';
import { type Claim, differenceOf, readClaim } from './answer.ts';
import type { PayuConfig, Placeholders } from './config.ts';
import { HASHED_FIELDS, type HashedFields, requestHash } from './hashes.ts';
import { CURRENCY, rupeesOf } from './rupees.ts';
import { wordOf } from './status.ts';
import { txnidOf } from './txnid.ts';
import { createVerify } from './verify.ts';

const ANSWER_BYTES_MAX = 64 * 1024;
const PRODUCTINFO_LENGTH_MAX = 100;

/** Opens the connections to PayU. */
export function createPayuCharge(config: PayuConfig, deps: ChargeRoomDeps): ChargeRoom {
  const payments = createHttpClient({
    origin: config.baseUrl,
    connectionsMax: config.connectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const commands = createVerify(config);

  async function charge(request: ChargeRequest, method: ChargeMethod): Promise<ProcessorWord> {
    if (request.currency !== CURRENCY)
      return refused(request, `PayU charges ${CURRENCY} only, nothing was sent`);
    const body = chargeBody(request, method, config.placeholders);
    const answer = await payments
      .exchange({
        method: 'POST',
        path: '/_payment',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body,
        timeoutMs: config.timeoutMs,
        mayLeave: request.mayLeave,
        ...(deps.left !== undefined && { onSent: deps.left }),
      })
      .finally(() => body.fill(0));
    if (answer.kind === 'not_sent') return notSentWord(placeOf(request), answer, deps.now());
    const claim: Claim = answer.kind === 'answered' ? readClaim(request, answer.status, answer.body) : answer;
    return hear(request, method, claim);
  }

  async function hear(request: ChargeRequest, method: ChargeMethod, claim: Claim): Promise<ProcessorWord> {
    switch (claim.kind) {
      case 'refused':
        return refused(request, `refused with ${claim.code}`);
      case 'unknown':
        return ownWord(request, 'unknown', null, claim.detail);
      case 'accepted':
        return accepted(request, method, 'pending');
      case 'action':
        return handedOn(request, method, claim.action);
      case 'final':
        return await verified(request, method);
    }
  }

  async function verified(request: ChargeRequest, method: ChargeMethod): Promise<ProcessorWord> {
    const { account, leg } = request;
    const answer = await commands.verify(txnidOf(request.transactionId), account);
    if (answer.kind !== 'found') {
      return accepted(request, method, `answered with an end that is not verified: ${answer.kind}`);
    }
    const other = differenceOf(request, answer.payment);
    if (other !== null) return ownWord(request, 'unknown', null, `verify_payment shows another ${other}`);
    return wordOf(answer.payment, {
      source: 'answer',
      leg,
      account: account.account,
      at: deps.now(),
      // The charge was made just now: what may still change is asked about.
      ambiguousUntil: Number.POSITIVE_INFINITY,
    });
  }

  /** An action nobody can show the shopper is as good as none: the charge is asked about until it is over. */
  function handedOn(request: ChargeRequest, method: ChargeMethod, action: NextAction | null): ProcessorWord {
    if (action === null) return accepted(request, method, 'wants what cannot be shown');
    const word = accepted(request, method, `wants ${action.kind}`);
    return { ...word, said: 'action_required', nextAction: action };
  }

  /** PayU has the charge, and names neither its own id of it nor an end. */
  function accepted(request: ChargeRequest, { kind }: ChargeMethod, detail: string): ProcessorWord {
    const word = ownWord(request, 'unknown', null, detail);
    return { ...word, said: 'accepted', paymentMethodType: kind === 'upi' ? 'UPI' : null };
  }

  function refused(request: ChargeRequest, detail: string): ProcessorWord {
    return ownWord(request, 'declined', 'processor_refused', detail);
  }

  function ownWord(
    request: ChargeRequest,
    said: 'unknown' | 'declined',
    failureCode: string | null,
    detail: string,
  ): ProcessorWord {
    return senderWord(placeOf(request), said, { failureCode, detail, at: deps.now() });
  }

  return {
    charge,
    otp: null,
    async close() {
      await Promise.all([payments.close(), commands.close()]);
    },
  };
}

function placeOf({ account, leg }: ChargeRequest) {
  return { processor: 'PAYU', processorAccount: account.account, leg } as const;
}

function chargeBody(request: ChargeRequest, method: ChargeMethod, placeholders: Placeholders): Buffer {
  const hashed = hashedFields(request, placeholders);
  const { returnUrl, account } = request;
  const ip = request.browser.address ?? placeholders.clientIp;
  const userAgent = request.browser.userAgent ?? placeholders.deviceInfo;
  const browser = { userAgent, ...placeholders.browser, ip };
  return encodeForm([
    ...HASHED_FIELDS.map((name): FormField => [name, hashed[name]]),
    ['lastname', placeholders.lastname],
    ['phone', placeholders.phone],
    ['surl', returnUrl],
    ['furl', returnUrl],
    ['hash', requestHash(hashed, account.secretKey)],
    ['txn_s2s_flow', '4'],
    ['s2s_client_ip', ip],
    ['s2s_device_info', userAgent],
    ...(method.kind === 'upi' ? UPI_FIELDS : cardFields(method.card, browser)),
  ]);
}

const UPI_FIELDS: readonly FormField[] = [
  ['pg', 'UPI'],
  ['bankcode', 'INTENT'],
];

/** `CC` takes every card: which kind it is, we do not know. */
function cardFields(card: ChargeCard, browserInfo: object): FormField[] {
  return [
    ['pg', 'CC'],
    ['bankcode', 'CC'],
    ['ccnum', card.pan],
    ['ccname', card.cardholderName],
    ['ccvv', card.cvv],
    ['ccexpmon', String(card.expiryMonth).padStart(2, '0')],
    ['ccexpyr', String(card.expiryYear)],
    ['authentication_flow', 'REDIRECT'],
    ['threeDS2RequestData', JSON.stringify({ browserInfo })],
  ];
}

function hashedFields(
  { transactionId, amount, orderId, account }: ChargeRequest,
  { firstname, email }: Placeholders,
): HashedFields {
  return {
    key: account.account,
    txnid: txnidOf(transactionId),
    amount: rupeesOf(amount),
    productinfo: productinfoOf(orderId),
    firstname,
    email,
    udf1: showTransactionId(transactionId),
    udf2: '',
    udf3: '',
    udf4: '',
    udf5: '',
  };
}

/** The merchant's order, in characters no form, page or hash could take for something else. */
function productinfoOf(orderId: string): string {
  return orderId.replace(/[^A-Za-z0-9 ._-]/g, '-').slice(0, PRODUCTINFO_LENGTH_MAX);
}
