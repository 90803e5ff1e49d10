/**
 * ACS page: what the bank's page for the shopper posts, out of the HTML it comes in.
 *
 * PayU hands over a whole document, in base64, with a form that submits itself to the bank. Nobody's HTML is shown on our pages: of it
 * are taken an address and hidden fields, if it is such a form and no other. Anything that cannot be read with certainty is none.
 *
 * @module
 */

import { isPageUrl } from '../page-url.ts';

/** What is posted, and where. */
export interface AcsForm {
  url: string;
  fields: Readonly<Record<string, string>>;
}

const BASE64_LENGTH_MAX = 48 * 1024;
const FIELDS_MAX = 50;

/** Reads an `acsTemplate`; null when it is not one form that posts hidden fields to a page. */
export function readAcsTemplate(template: unknown): AcsForm | null {
  if (typeof template !== 'string' || template.length > BASE64_LENGTH_MAX || !BASE64.test(template))
    return null;
  const html = Buffer.from(template, 'base64');
  // Decoding is lenient: what does not encode to the same was not what it seems.
  if (unpadded(html.toString('base64')) !== unpadded(template)) return null;
  const tags = readTags(html.toString());
  return tags === null ? null : readForm(tags);
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}

/** A start tag, or with `/` in front an end tag, by its name in lower case. */
interface Tag {
  name: string;
  /** Names in lower case. */
  attributes: ReadonlyMap<string, string>;
}

/** From one place on: a comment or a doctype, or a tag. */
const COMMENT = /<!--[\s\S]*?-->|<![a-z][^<>]*>/iy;
const TAG = /<(\/?[a-z][a-z0-9]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*\/?>/iy;
const ATTRIBUTE = /\s+([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/gy;
/** What is in these is text, up to their own end. */
const RAW_TEXT_ENDS: ReadonlyMap<string, RegExp> = new Map([
  ['script', /<\/script/gi],
  ['style', /<\/style/gi],
  ['title', /<\/title/gi],
]);

/** The tags of a document in order; null when something in it is none we understand. */
function readTags(html: string): Tag[] | null {
  const tags: Tag[] = [];
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at)) {
    const comment = matchAt(COMMENT, html, at);
    if (comment !== null) {
      at += comment[0].length;
      continue;
    }
    const found = matchAt(TAG, html, at);
    const attributes = found === null ? null : readAttributes(found[2]!);
    if (found === null || attributes === null) return null;
    const name = found[1]!.toLowerCase();
    tags.push({ name, attributes });
    at += found[0].length;
    const rawTextEnd = RAW_TEXT_ENDS.get(name);
    if (rawTextEnd === undefined) continue;
    const end = matchAt(rawTextEnd, html, at);
    if (end === null) return null;
    at = end.index;
  }
  return tags;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Null when one is there twice, or has a reference to a character we do not know. */
function readAttributes(text: string): Map<string, string> | null {
  const attributes = new Map<string, string>();
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE)) {
    const value = decodeReferences(double ?? single ?? bare ?? '');
    const lower = name!.toLowerCase();
    if (value === null || attributes.has(lower)) return null;
    attributes.set(lower, value);
  }
  return attributes;
}

const REFERENCES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const CODE_POINT_MAX = 0x10ffff;

/** `&amp;`, `&#39;`, `&#x2F;` as what they stand for; null when there is another. A bare `&` is itself. */
function decodeReferences(text: string): string | null {
  let known = true;
  const decoded = text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]*));/gi,
    (_, decimal, hex, name) => {
      const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
      const character =
        name === undefined
          ? code > 0 && code <= CODE_POINT_MAX
            ? String.fromCodePoint(code)
            : undefined
          : Object.hasOwn(REFERENCES, name)
            ? REFERENCES[name]
            : undefined;
      if (character === undefined) known = false;
      return character ?? '';
    },
  );
  return known ? decoded : null;
}

/** Of these a page is more than a form that submits itself: where it goes, or what it sends, is not what we read. */
const NEVER: ReadonlySet<string> = new Set([
  'base',
  'embed',
  'frame',
  'iframe',
  'math',
  'object',
  'plaintext',
  'select',
  'svg',
  'template',
  'textarea',
]);

function readForm(tags: readonly Tag[]): AcsForm | null {
  const begins = tags.flatMap(({ name }, i) => (name === 'form' ? [i] : []));
  const ends = tags.flatMap(({ name }, i) => (name === '/form' ? [i] : []));
  const [begin, end] = [begins[0], ends[0]];
  if (begins.length !== 1 || ends.length !== 1 || begin === undefined || end === undefined || end < begin)
    return null;
  if (tags.some((tag) => NEVER.has(tag.name) || (isButton(tag) && !isPlainButton(tag)))) return null;
  const { attributes } = tags[begin]!;
  const url = attributes.get('action');
  if (attributes.get('method')?.toLowerCase() !== 'post' || !isPageUrl(url)) return null;
  if (!FORM_TYPES.has(attributes.get('enctype')?.toLowerCase() ?? FORM_TYPE)) return null;
  const inside = tags.slice(begin, end).filter(({ name }) => name === 'input');
  const all = tags.filter(({ name }) => name === 'input');
  const fields = inside.length === all.length ? readFields(inside) : null;
  return fields === null ? null : { url, fields };
}

function isButton({ name, attributes }: Tag): boolean {
  return name === 'button' || (name === 'input' && attributes.get('type')?.toLowerCase() === 'submit');
}

/** The button of those whose browser runs no script: it sends the form as it is, and nothing of its own. */
function isPlainButton({ attributes }: Tag): boolean {
  const names = [...attributes.keys()];
  return (attributes.get('name') ?? '') === '' && !names.some((name) => name.startsWith('form'));
}

const FORM_TYPE = 'application/x-www-form-urlencoded';
const FORM_TYPES: ReadonlySet<string> = new Set([FORM_TYPE]);

/** Null when there is one the shopper would see and fill in, none at all, too many, or one twice. */
function readFields(inputs: readonly Tag[]): Record<string, string> | null {
  const fields = new Map<string, string>();
  for (const { attributes } of inputs.filter((input) => !isButton(input))) {
    const isHidden = attributes.get('type')?.toLowerCase() === 'hidden';
    const name = attributes.get('name') ?? '';
    if (!isHidden || name === '' || fields.has(name) || attributes.has('disabled')) return null;
    fields.set(name, attributes.get('value') ?? '');
  }
  const isUsable = fields.size > 0 && fields.size <= FIELDS_MAX && !fields.has('__proto__');
  return isUsable ? Object.fromEntries(fields) : null;
}
