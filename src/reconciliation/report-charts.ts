/**
 * Report charts: bars, drawn as SVG that takes the width it is given; every number stands beside its bar as text.
 *
 * @module
 */

import { type Html, html } from '../pages/html.ts';
import { type ClassTone, TONE_WORDS } from './class-words.ts';

/** A part of a whole. */
export interface Part {
  title: string;
  tone: ClassTone;
  /** For its length alone: not exact. */
  size: number;
  /** The exact words beside it. */
  shown: string;
}

const TONES: readonly ClassTone[] = ['well', 'corrected', 'person', 'later'];
/** A part that is there can be seen. */
const SHARE_MIN = 0.6;

/** One bar, divided by tone, and what the colours mean. */
export function shareBar(parts: readonly Part[]): Html {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  const sizes = TONES.map((tone) => ({
    tone,
    size: parts.filter((part) => part.tone === tone).reduce((sum, { size }) => sum + size, 0),
  })).filter(({ size }) => size > 0);
  const shares = sizes.map(({ size }) => Math.max(SHARE_MIN, (size / total) * 100));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let from = 0;
  const rects = sizes.map(({ tone }, i) => {
    const width = (shares[i]! / whole) * 100;
    const rect = html`<rect class="${tone}" x="${share(from)}" width="${share(width)}" height="22"/>`;
    from += width;
    return rect;
  });
  return html`<svg class="share" width="100%" height="22" aria-hidden="true" focusable="false">${rects}</svg>
<ul class="legend">${sizes.map(({ tone }) => html`<li><span class="dot ${tone}"></span>${TONE_WORDS[tone]}</li>`)}</ul>`;
}

/** @param max the size of a full bar; null: no bars */
export function barList(parts: readonly Part[], max: number | null): Html {
  return html`<ul class="bars">${parts.map(
    ({
      title,
      tone,
      size,
      shown,
    }) => html`<li><span class="label"><span class="dot ${tone}"></span>${title}</span><span class="amount">${shown}</span>${
      max === null ? null : bar(tone, max === 0 ? 0 : (size / max) * 100)
    }</li>
`,
  )}</ul>`;
}

function bar(tone: ClassTone, width: number): Html {
  return html`<svg class="bar" width="100%" height="10" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="10" rx="5"/><rect class="${tone}" width="${share(Math.max(SHARE_MIN, width))}" height="10" rx="5"/></svg>`;
}

/** Bars on both sides of zero. */
export function divergingBars(bars: readonly { title: string; size: number; shown: string }[]): Html {
  const max = Math.max(1, ...bars.map(({ size }) => Math.abs(size)));
  return html`<ul class="bars">${bars.map(({ title, size, shown }) => {
    const width = (Math.abs(size) / max) * 50;
    const side = size < 0 ? 'credit' : 'debit';
    return html`<li><span class="label">${title}</span><span class="amount">${shown}</span><svg class="bar" width="100%" height="14" aria-hidden="true" focusable="false"><rect class="${side}" x="${share(size < 0 ? 50 - width : 50)}" y="2" width="${share(width)}" height="10"/><rect class="axis" x="50%" width="1" height="14"/></svg></li>
`;
  })}</ul>`;
}

function share(percent: number): string {
  return `${Number(percent.toFixed(3))}%`;
}
