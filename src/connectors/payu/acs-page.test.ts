/**
 * The bank's page out of PayU's HTML: one form of hidden fields, or nothing.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { readAcsTemplate } from './acs-page.ts';

const encode = (html: string): string => Buffer.from(html).toString('base64');
const read = (html: string) => readAcsTemplate(encode(html));
const INPUTS = '<input type="hidden" name="PaReq" value="eJx=">';
const form = (inner: string, attributes = 'method="POST" action="https://acs.example/3ds"'): string =>
  `<html><body><form ${attributes}>${inner}</form></body></html>`;
const FORM = { url: 'https://acs.example/3ds', fields: { PaReq: 'eJx=' } };

test('a page as banks write them is its address and its hidden fields', () => {
  const html = `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN"><!-- <form> -->
    <HTML><head><meta charset=utf-8><title>Please <wait></title><style>form > p { x: '<form>' }</style></head>
    <body onload='document.forms[0].submit();'>
      <form name='acs' id=acs action = "https://acs.example/3ds?a=1&amp;b=2" METHOD=post target="_top">
        <input type=hidden name=PaReq value='a&quot;b&#39;c&#x2F;d &lt;e&gt; f&g'/>
        <INPUT TYPE="HIDDEN" NAME="TermUrl" VALUE="https://payu.example/back?x=1&amp;y=2">
        <input type="hidden" name="MD">
        <noscript><p>Press <b>on</b></p><input type="submit" value="Go on"><button class="b">Go on</button></noscript>
      </form>
      <script>if (1 < 2) document.write('<form action="https://evil.example">');</script>
    </body></HTML>`;
  expect(read(html)).toEqual({
    url: 'https://acs.example/3ds?a=1&b=2',
    fields: { PaReq: `a"b'c/d <e> f&g`, TermUrl: 'https://payu.example/back?x=1&y=2', MD: '' },
  });
});

test('base64 without its padding is read, and what is none is not', () => {
  const padded = encode(form(`${INPUTS} `));
  expect(readAcsTemplate(padded.replace(/=+$/, ''))).toEqual(FORM);
  for (const template of [
    undefined,
    null,
    7,
    '',
    form(INPUTS),
    `${padded}\n`,
    `${padded.slice(0, 8)}=${padded.slice(8)}`,
    encode(form(INPUTS + ' '.repeat(48 * 1024))),
  ]) {
    expect(readAcsTemplate(template)).toBeNull();
  }
});

test.each<[string, string]>([
  ['no form', '<html></html>'],
  ['two forms', form(INPUTS) + form(INPUTS)],
  ['a form without an end', form(INPUTS).replace('</form>', '')],
  ['a GET', form(INPUTS, 'method="get" action="https://acs.example/3ds"')],
  ['no method', form(INPUTS, 'action="https://acs.example/3ds"')],
  ['no address', form(INPUTS, 'method="post"')],
  ['an address of ours, perhaps', form(INPUTS, 'method="post" action="/3ds"')],
  ['a script for an address', form(INPUTS, 'method="post" action="javascript:alert(1)"')],
  ['an escaped script for an address', form(INPUTS, 'method="post" action="&#106;avascript:alert(1)"')],
  ['an address with a user name', form(INPUTS, 'method="post" action="https://a@acs.example/3ds"')],
  ['two addresses', form(INPUTS, 'method="post" action="https://a.example/" action="https://b.example/"')],
  ['two addresses in two cases', form(INPUTS, 'method="post" action="https://a.example/" ACTION="x"')],
  [
    'a form that uploads',
    form(INPUTS, 'method="post" action="https://a.example/" enctype="multipart/form-data"'),
  ],
  ['a field to fill in', form(`${INPUTS}<input type="text" name="otp">`)],
  ['a field of no type', form(`${INPUTS}<input name="otp">`)],
  ['a password', form(`${INPUTS}<input type="password" name="otp">`)],
  ['a choice', form(`${INPUTS}<select name="x"><option>1</option></select>`)],
  ['a text', form(`${INPUTS}<textarea name="x"></textarea>`)],
  ['a button that goes elsewhere', form(`${INPUTS}<button formaction="https://evil.example">x</button>`)],
  ['a submit that goes elsewhere', form(`${INPUTS}<input type=submit formaction="https://evil.example">`)],
  ['a button of another form', form(`${INPUTS}<button form="other">x</button>`)],
  ['a button with a word of its own', form(`${INPUTS}<button name="go" value="1">x</button>`)],
  ['a button with a name', form(`${INPUTS}<input type="submit" name="go" value="1">`)],
  ['a field twice', form(INPUTS + INPUTS)],
  ['a field that is off', form('<input type="hidden" name="PaReq" value="1" disabled>')],
  ['no field', form('')],
  ['a field without a name', form('<input type="hidden" value="1">')],
  ['a field of a prototype', form(`${INPUTS}<input type="hidden" name="__proto__" value="1">`)],
  ['a field outside', `${form(INPUTS)}<input type="hidden" name="x" form="acs">`],
  ['a base', `<base href="https://evil.example/">${form(INPUTS)}`],
  ['a frame', `${form(INPUTS)}<iframe src="https://evil.example"></iframe>`],
  ['a character nobody knows', form('<input type="hidden" name="x" value="&bogus;">')],
  ['a character there is not', form('<input type="hidden" name="x" value="&#9999999;">')],
  ['half a tag', `${form(INPUTS)}<input type="hid`],
  ['a quote without an end', form(`<input type="hidden" name="x" value="1>${INPUTS}`)],
  ['a script without an end', `${form(INPUTS)}<script>alert(1)`],
  ['51 fields', form(Array.from({ length: 51 }, (_, i) => `<input type=hidden name=f${i}>`).join(''))],
])('%s is not handed on', (_, html) => {
  expect(read(html)).toBeNull();
});

test('a page of ten thousand beginnings is read at once, or not at all', () => {
  const began = performance.now();
  read(`<a ${'a="'.repeat(10_000)}`);
  read('<'.repeat(30_000));
  read(`<script${' '.repeat(30_000)}`);
  read('<script></script>'.repeat(2000));
  read(`<form${' a'.repeat(15_000)}`);
  expect(performance.now() - began).toBeLessThan(1000);
});
