/**
 * Images of UPI QR codes. They are none: the picture names the page where the shopper is asked, which a phone would open.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { answer } from '../answers.ts';
import type { Desk } from '../dialect.ts';
import { escapeHtml } from '../html.ts';
import { missing } from './errors.ts';
import { newSuffix } from './intents.ts';
import { refusal } from './replies.ts';

/** One grey point. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==',
  'base64',
);

/** Answers with the image of a charge that asks by UPI; 404 for any other. */
export function answerQrCode(desk: Desk, response: ServerResponse, id: string, image: 'png' | 'svg'): void {
  if (desk.book.findById(id)?.method !== 'upi') {
    const call = { requestId: `req_${newSuffix().slice(0, 14)}`, key: undefined };
    answer(response, refusal(call, missing('QR code', id, 'id')));
  } else if (image === 'png') {
    response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': PNG.length });
    response.end(PNG);
  } else {
    const page = escapeHtml(`${desk.bankUrl()}/upi/${id}`);
    const body = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 60"><title>${page}</title><text x="8" y="36" font-size="12">${page}</text></svg>`;
    answer(response, { status: 200, body, type: 'image/svg+xml' });
  }
}
