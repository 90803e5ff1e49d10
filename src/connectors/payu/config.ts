/**
 * What the PayU room is told, and how an account of PayU's is read.
 *
 * @module
 */

import type { ReadAccountConfig, RoomConfig } from '../connector.ts';

export interface PayuConfig extends RoomConfig {
  /** Origin of PayU's commands: `https://info.payu.in`. Charges go to `baseUrl`. */
  infoUrl: string;
  placeholders: Placeholders;
}

/** What PayU asks of every charge and we do not have: sent for every shopper alike. Nothing of it may hold a `|`. */
export interface Placeholders {
  /** At most 60 characters. */
  firstname: string;
  lastname: string;
  /** At most 50 characters. */
  email: string;
  phone: string;
  /** Where the shopper's address is not known. */
  clientIp: string;
  /** A user agent, where the browser's is not known. */
  deviceInfo: string;
  /** `threeDS2RequestData`'s `browserInfo`, without what the two above say. */
  browser: Readonly<Record<string, string | boolean>>;
}

/** RFC 2606 and RFC 5737 keep the domain and the address for examples: neither is anybody's. */
export const PLACEHOLDERS: Placeholders = {
  firstname: 'Shopper',
  lastname: 'Sluice',
  email: 'shopper@example.com',
  phone: '9999999999',
  clientIp: '192.0.2.1',
  deviceInfo: 'Mozilla/5.0',
  browser: {
    acceptHeader: 'text/html',
    language: 'en-IN',
    colorDepth: '24',
    screenHeight: '900',
    screenWidth: '1440',
    timeZone: '-330',
    javaEnabled: false,
  },
};

/** A `|` in one of them would move the borders of what is hashed. */
const HASHED = /^[\x21-\x7b\x7d\x7e]{1,100}$/;

/**
 * `account` is the merchant key, `secretKey` the salt. PayU signs callbacks with the salt too, so `webhookSecret` may be left out and
 * may be nothing else.
 */
export const readPayuAccount: ReadAccountConfig = ({ account, secretKey, webhookSecret }) => {
  if (typeof account !== 'string' || typeof secretKey !== 'string') {
    return { ok: false, detail: 'account (the merchant key) and secretKey (the salt) are needed' };
  }
  if (!HASHED.test(account)) return { ok: false, detail: `account ${NOT_HASHED}` };
  if (!HASHED.test(secretKey)) return { ok: false, detail: `secretKey ${NOT_HASHED}` };
  if (webhookSecret !== undefined && webhookSecret !== secretKey) {
    return { ok: false, detail: 'webhookSecret is the salt at PayU: leave it out, or repeat secretKey' };
  }
  return { ok: true, config: { account, secretKey, webhookSecret: secretKey } };
};

const NOT_HASHED = 'must be 1 to 100 visible ASCII characters without a |';
