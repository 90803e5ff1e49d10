/**
 * Wire: the requests of the driver as whole HTTP texts, and the reading of single fields out of answers.
 *
 * Heads are made once a run, one set for each merchant; bodies are put together from texts and read by `indexOf`, since
 * JSON.parse on five answers a payment would be a tenth of the driver's time. All texts are ASCII, so their length is their
 * length in bytes.
 *
 * @module
 */

/** A merchant that sells. */
export interface Merchant {
  readonly merchantId: string;
  readonly secretKey: string;
}

/** What an intent is made of. `orderId` is the idempotency key too: it differs from order to order. */
export interface Order {
  readonly orderId: string;
  /** Minor units. */
  readonly amount: number;
}

export interface WireOptions {
  readonly apiUrl: string;
  /** Scheme, host and port of checkout as browsers see it. */
  readonly checkoutUrl: string;
  readonly merchants: readonly Merchant[];
  /** The cards shoppers pay with, in turn. */
  readonly cardNumbers: readonly string[];
  /** Whether API POSTs carry an Idempotency-Key. */
  readonly keys: boolean;
}

/** One request for a client that writes its own head. */
export interface LooseRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes the requests of one run. Merchants are named by their place in the list, cards by any whole number. */
export interface Wire {
  createIntent(merchant: number, order: Order): string;
  createSession(merchant: number, order: Order, intentId: string): string;
  /** The checkout page, as a browser asks for it. */
  showCheckout(sessionId: string): string;
  /** The card form, as a browser posts it. */
  pay(sessionId: string, card: number): string;
  getTransaction(merchant: number, transactionId: string): string;
  getIntent(merchant: number, intentId: string): string;
  looseIntent(merchant: number, order: Order): LooseRequest;
  looseSession(merchant: number, order: Order, intentId: string): LooseRequest;
  looseTransaction(merchant: number, transactionId: string): LooseRequest;
}

const INTENT_PATH = '/v1/payment/intent';
const SESSION_PATH = '/v1/payment/session';
const TRANSACTION_PATH = '/v1/payment/transaction/';
const CURRENCY = 'INR';
const URLS = '"successUrl":"https://shop.example/paid","cancelUrl":"https://shop.example/cancelled"}';
/** What Chrome on Linux sends with every page it asks for, and with a form it posts. */
const BROWSER = [
  'Connection: keep-alive',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-IN,en;q=0.9',
  '',
].join('\r\n');
const CARD_VALID_YEARS = 4;

export function createWire({ apiUrl, checkoutUrl, merchants, cardNumbers, keys }: WireOptions): Wire {
  const apiHost = new URL(apiUrl).host;
  const checkout = new URL(checkoutUrl);
  const sellers = merchants.map((merchant) => sellerTexts(apiHost, merchant));
  const forms = cardNumbers.map(cardFields);
  const page = `/checkout?session=`;
  const pageTail = ` HTTP/1.1\r\nHost: ${checkout.host}\r\nSec-Fetch-Site: cross-site\r\n${BROWSER}\r\n`;
  const payHead = `POST /internal/payment/process HTTP/1.1\r\nHost: ${checkout.host}\r\nOrigin: ${checkout.origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\nCache-Control: max-age=0\r\n${BROWSER}Referer: ${checkout.origin}${page}`;
  const keyLine = ({ orderId }: Order) => (keys ? `Idempotency-Key: ${orderId}\r\n` : '');
  const intentBody = (merchant: number, { orderId, amount }: Order) =>
    `${sellers[merchant]!.intentBody}${amount},"currency":"${CURRENCY}","orderId":"${orderId}","customerId":"load"}`;
  const sessionBody = (merchant: number, intentId: string) =>
    `{"paymentIntentId":"${intentId}${sellers[merchant]!.sessionBody}`;
  const authorization = (merchant: number) => `Bearer ${merchants[merchant]!.secretKey}`;
  const loosePost = (merchant: number, order: Order, path: string, body: string): LooseRequest => ({
    path,
    headers: {
      authorization: authorization(merchant),
      'content-type': 'application/json',
      ...(keys ? { 'idempotency-key': order.orderId } : {}),
    },
    body,
  });
  return {
    createIntent(merchant, order) {
      const body = intentBody(merchant, order);
      return `${sellers[merchant]!.intentHead}${keyLine(order)}Content-Length: ${body.length}\r\n\r\n${body}`;
    },
    createSession(merchant, order, intentId) {
      const body = sessionBody(merchant, intentId);
      return `${sellers[merchant]!.sessionHead}${keyLine(order)}Content-Length: ${body.length}\r\n\r\n${body}`;
    },
    showCheckout: (sessionId) => `GET ${page}${sessionId}${pageTail}`,
    pay(sessionId, card) {
      const body = `sessionId=${sessionId}${forms[card % forms.length]!}`;
      return `${payHead}${sessionId}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    },
    getTransaction: (merchant, id) => `GET ${TRANSACTION_PATH}${id}${sellers[merchant]!.getTail}`,
    getIntent: (merchant, id) => `GET /v1/payment/intent/${id}${sellers[merchant]!.getTail}`,
    looseIntent: (merchant, order) => loosePost(merchant, order, INTENT_PATH, intentBody(merchant, order)),
    looseSession: (merchant, order, intentId) =>
      loosePost(merchant, order, SESSION_PATH, sessionBody(merchant, intentId)),
    looseTransaction: (merchant, id) => ({
      path: TRANSACTION_PATH + id,
      headers: { authorization: authorization(merchant) },
      body: '',
    }),
  };
}

/** The texts that differ from merchant to merchant. */
function sellerTexts(apiHost: string, { merchantId, secretKey }: Merchant) {
  const authorized = `Host: ${apiHost}\r\nAuthorization: Bearer ${secretKey}\r\n`;
  const json = `${authorized}Content-Type: application/json\r\n`;
  const merchant = JSON.stringify(merchantId);
  return {
    intentHead: `POST ${INTENT_PATH} HTTP/1.1\r\n${json}`,
    intentBody: `{"merchantId":${merchant},"amount":`,
    sessionHead: `POST ${SESSION_PATH} HTTP/1.1\r\n${json}`,
    sessionBody: `","merchantId":${merchant},${URLS}`,
    getTail: ` HTTP/1.1\r\n${authorized}\r\n`,
  };
}

/** All fields of the card form but the session, as a browser encodes them. */
function cardFields(cardNumber: string): string {
  const year = new Date().getUTCFullYear() + CARD_VALID_YEARS;
  return `&cardNumber=${cardNumber}&expiryMonth=12&expiryYear=${year}&cvv=123&cardholderName=Load+Test`;
}

/**
 * The text value of the first field of that name; empty when there is none. For values without escapes, as ids and statuses are.
 * @param name with its quotes and colon: `"status":"`
 */
export function fieldOf(body: string, name: string): string {
  const at = body.indexOf(name);
  if (at < 0) return '';
  const from = at + name.length;
  const to = body.indexOf('"', from);
  return to < 0 ? '' : body.slice(from, to);
}

/** The transaction that a checkout's 303 leads to, as in `/checkout/result?transaction=txn_…&session=…`; empty when it names none. */
export function transactionOf(location: string): string {
  return /[?&]transaction=(txn_[0-9a-f]{32})(?:&|$)/.exec(location)?.[1] ?? '';
}

/** What to count a wrong answer under: step, status and the problem's code, or the fault. */
export function causeOf(
  step: string,
  answer: { status: number; body: string; fault: string | null },
): string {
  if (answer.fault !== null) return `${step} ${answer.fault}`;
  const code = fieldOf(answer.body, '"code":"');
  return `${step} ${answer.status}${code === '' ? '' : ` ${code}`}`;
}
