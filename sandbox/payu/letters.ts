/**
 * PayU's callbacks: the final parameters with the reverse hash among them, as a form unless the account wants another shape.
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Account, Letter } from '../dialect.ts';
import { type CallbackFormat, callbackFormatOf } from './account.ts';
import { responseHash } from './hashes.ts';
import { type Parameters, parametersOf } from './parameters.ts';
import { standingOf } from './standings.ts';

/** The one letter about a payment as it stands. PayU gives its events no names and no ids; both are for those who watch the bank. */
export function lettersOf(charge: Charge, account: Account, mark: string): readonly Letter[] {
  const { status, unmappedstatus } = standingOf(charge);
  const eventId = `${charge.id}_${unmappedstatus}${mark}`;
  const content = new URLSearchParams(parametersOf(charge, account)).toString();
  const { type, write } = shapeOf(callbackFormatOf(account), eventId);
  return [
    {
      eventId,
      type: `status=${status} unmappedstatus=${unmappedstatus}`,
      contentType: type,
      content,
      seal: (_, signed = content) => ({
        headers: '',
        body: write({
          ...fieldsOf(content),
          hash: responseHash(fieldsOf(signed), account.webhookSecret),
        }),
      }),
    },
  ];
}

interface Shape {
  readonly type: string;
  readonly write: (parameters: Parameters) => string;
}

function shapeOf(format: CallbackFormat, eventId: string): Shape {
  if (format === 'json')
    return { type: 'application/json', write: (parameters) => JSON.stringify(parameters) };
  if (format === 'urlencoded') {
    return {
      type: 'application/x-www-form-urlencoded',
      write: (parameters) => new URLSearchParams(parameters).toString(),
    };
  }
  const boundary = `----payu${hash('sha256', eventId, 'hex').slice(0, 24)}`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    write: (parameters) => writeMultipart(parameters, boundary),
  };
}

/** No value holds the boundary: it is made of a hash of an id that no merchant knows beforehand. */
function writeMultipart(parameters: Parameters, boundary: string): string {
  const parts = Object.entries(parameters).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${parts.join('')}--${boundary}--\r\n`;
}

function fieldsOf(content: string): Parameters {
  return Object.fromEntries(new URLSearchParams(content));
}
