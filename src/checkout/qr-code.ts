/**
 * Qr code: a text as a drawing that phones read. The page carries it inline: nothing is loaded for it.
 *
 * @module
 */

import { create } from 'qrcode';
import { type Html, html } from '../pages/html.ts';

/** Modules of white around it that readers need (ISO 18004). */
const QUIET = 4;

/** Draws the code, black on white in every colour scheme: many readers take no other. */
export function qrCode(text: string, alternative: string): Html {
  const { size, data } = create(text, { errorCorrectionLevel: 'M' }).modules;
  const side = size + 2 * QUIET;
  return html`<svg class="qr" role="img" aria-label="${alternative}" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${side}v${side}h-${side}z"/><path fill="#000" d="${darkRuns(data, size)}"/></svg>`;
}

/** Every run of dark modules of a row as one rectangle. */
function darkRuns(data: Uint8Array, size: number): string {
  let path = '';
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (data[row * size + column] === 0) continue;
      const start = column;
      while (column < size && data[row * size + column] !== 0) column++;
      path += `M${start + QUIET} ${row + QUIET}h${column - start}v1h-${column - start}z`;
    }
  }
  return path;
}
