/**
 * Page address: whether a shopper may be sent to an address that a processor named.
 *
 * @module
 */

/** Of visible characters only: a parser of addresses passes over line ends and blanks, a header or a page may not. */
const PAGE_URL = /^https?:\/\/[\x21-\x7e]{1,2000}$/;

/** An http(s) address without a user name, of at most 2,000 visible ASCII characters after its scheme. */
export function isPageUrl(value: unknown): value is string {
  if (typeof value !== 'string' || !PAGE_URL.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}
