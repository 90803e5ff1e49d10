/**
 * Charts: the report's pictures as SVG, with the page's colours by class name (html-report.ts). Texts in them are our own words
 * and numbers.
 *
 * @module
 */

import type { Bar, Percentiles } from './latencies.ts';
import type { Span } from './recovery.ts';
import type { Second } from './timeline.ts';

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A value on the vertical axis for each second. */
interface Series {
  readonly name: string;
  readonly kind: 'line' | 'area' | 'bars';
  readonly of: (second: Second) => number | null;
}

const WIDE: Frame = { width: 960, height: 220, left: 60, right: 12, top: 22, bottom: 26 };
/** At the right there is room for the name of a p99 at the very end. */
const SMALL: Frame = { width: 460, height: 150, left: 12, right: 76, top: 22, bottom: 24 };
/** Room for a percentile's name. */
const NAME_WIDTH = 70;
const TICKS = 4;
const SECOND_TICKS = 10;

/** Payments a second: offered, achieved, errors. */
export function rateChart(timeline: readonly Second[], spans: readonly Span[]): string {
  return secondsChart('Payments a second', timeline, spans, [
    { name: 'achieved', kind: 'area', of: ({ achieved }) => achieved },
    { name: 'offered', kind: 'line', of: ({ offered }) => offered },
    { name: 'errors', kind: 'bars', of: ({ errors }) => errors },
  ]);
}

/** The p99 of each second's answers. */
export function latencyChart(timeline: readonly Second[], spans: readonly Span[]): string {
  return secondsChart('p99 of the answers, ms', timeline, spans, [
    { name: 'p99', kind: 'line', of: ({ p99 }) => p99 },
  ]);
}

/** How often which latency was measured; the horizontal axis is logarithmic. */
export function histogram(step: string, bars: readonly Bar[], { p50, p99 }: Percentiles): string {
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) return '';
  const frame = SMALL;
  const [low, high] = [Math.log10(first.fromMs), Math.log10(last.toMs)];
  const x = (ms: number) => at(frame, (Math.log10(ms) - low) / (high - low));
  const most = Math.max(...bars.map(({ count }) => count));
  const floor = frame.height - frame.bottom;
  const columns = bars.map(({ fromMs, toMs, count }) => {
    const height = (count / most) * (floor - frame.top);
    const width = Math.max(1, x(toMs) - x(fromMs) - 1);
    const title = `${short(fromMs)} to ${short(toMs)} ms: ${count}`;
    return `<rect class="bar" x="${px(x(fromMs))}" y="${px(floor - height)}" width="${px(width)}" height="${px(height)}"><title>${title}</title></rect>`;
  });
  const marks = [['p50', p50] as const, ['p99', p99] as const].map(([name, ms]) =>
    ms === null ? '' : mark(frame, name, ms, x(ms)),
  );
  const ticks = roundLatencies(first.fromMs, last.toMs).map((ms) =>
    label(x(ms), floor + 16, `${short(ms)} ms`),
  );
  return svg(frame, `Latencies of ${step}`, [
    `<path class="axis" d="M${frame.left} ${floor}H${frame.width - frame.right}"/>`,
    ...columns,
    ...marks,
    ...ticks,
  ]);
}

function secondsChart(
  title: string,
  timeline: readonly Second[],
  spans: readonly Span[],
  series: readonly Series[],
): string {
  const frame = WIDE;
  const seconds = Math.max(timeline.length, ...spans.map(({ to }) => to), 1);
  const values = series.flatMap(({ of }) => timeline.map(of));
  const top = niceTop(Math.max(1, ...values.filter((value) => value !== null)));
  const x = (second: number) => at(frame, second / seconds);
  const y = (value: number) =>
    frame.height - frame.bottom - (value / top) * (frame.height - frame.top - frame.bottom);
  return svg(frame, title, [
    ...phaseBands(frame, spans, seconds, x),
    ...Array.from({ length: TICKS + 1 }, (_, n) => (n * top) / TICKS).map((value) =>
      gridLine(frame, y(value), value),
    ),
    ...series.map((one) => drawSeries(one, timeline, x, y)),
    ...secondTicks(seconds).map((second) => label(x(second), frame.height - 8, `${second} s`)),
  ]);
}

function drawSeries(
  { name, kind, of }: Series,
  timeline: readonly Second[],
  x: (second: number) => number,
  y: (value: number) => number,
): string {
  if (kind === 'bars') {
    return timeline
      .map((one) => [one.second, of(one) ?? 0] as const)
      .filter(([, value]) => value > 0)
      .map(([second, value]) => {
        const width = Math.max(1, x(second + 1) - x(second) - 1);
        return `<rect class="${name}" x="${px(x(second))}" y="${px(y(value))}" width="${px(width)}" height="${px(y(0) - y(value))}"><title>second ${second}: ${value} ${name}</title></rect>`;
      })
      .join('');
  }
  const path = stepPath(timeline, of, x, y);
  const area =
    kind === 'area' && path !== '' ? `<path class="${name} fill" d="${path}V${px(y(0))}H${px(x(0))}Z"/>` : '';
  return `${area}<path class="${name} line" d="${path}"/>`;
}

/** A step a second: what is counted in a second has no value in the middle of it. */
function stepPath(
  timeline: readonly Second[],
  of: Series['of'],
  x: (second: number) => number,
  y: (value: number) => number,
): string {
  let path = '';
  for (const one of timeline) {
    const value = of(one);
    if (value === null) continue;
    const start =
      path === '' ? `M${px(x(one.second))} ${px(y(value))}` : `H${px(x(one.second))}V${px(y(value))}`;
    path += `${start}H${px(x(one.second + 1))}`;
  }
  return path;
}

/** The phases where there are several, and what came after the load. */
function phaseBands(
  frame: Frame,
  spans: readonly Span[],
  seconds: number,
  x: (second: number) => number,
): string[] {
  const end = spans.at(-1)?.to ?? seconds;
  const shown = spans.length > 1 ? spans : [];
  const ending = seconds > end + 1 ? [{ name: 'ending', from: end, to: seconds }] : [];
  return [...shown, ...ending].map(({ name, from, to }, n) => {
    const band =
      n % 2 === 0
        ? ''
        : `<rect class="band" x="${px(x(from))}" y="${frame.top}" width="${px(x(to) - x(from))}" height="${frame.height - frame.top - frame.bottom}"/>`;
    return `${band}<text class="phase" x="${px(x(from) + 6)}" y="${frame.top + 14}">${name}</text>`;
  });
}

function gridLine(frame: Frame, y: number, value: number): string {
  return `<path class="grid" d="M${frame.left} ${px(y)}H${frame.width - frame.right}"/><text class="tick end" x="${frame.left - 8}" y="${px(y + 4)}">${short(value)}</text>`;
}

/** A percentile's line. The p50 has its name at its left, where there is room, the p99 at its right: so they never meet. */
function mark({ top, height, bottom }: Frame, name: 'p50' | 'p99', ms: number, x: number): string {
  const atLeft = name === 'p50' && x > NAME_WIDTH;
  const line = `<path class="mark" d="M${px(x)} ${top - 14}V${height - bottom}"/>`;
  return `${line}<text class="tick${atLeft ? ' end' : ''}" x="${px(atLeft ? x - 4 : x + 4)}" y="${top - 8}">${name} ${short(ms)}</text>`;
}

function label(x: number, y: number, text: string): string {
  return `<text class="tick middle" x="${px(x)}" y="${y}">${text}</text>`;
}

function svg({ width, height }: Frame, title: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${parts.join('')}</svg>`;
}

function at({ width, left, right }: Frame, share: number): number {
  return left + share * (width - left - right);
}

/** The next of 1, 2, 4, 5, 8 or 10 times a power of ten: four steps of it have short names. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 5, 8, 10].find((one) => one * power >= value)!;
  return factor * power;
}

function secondTicks(seconds: number): number[] {
  const step = Math.max(1, niceTop(seconds / SECOND_TICKS));
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, n) => n * step);
}

/** Round latencies from one to the other: powers of ten, and 2 and 5 times these where there would be few. */
function roundLatencies(fromMs: number, toMs: number): number[] {
  const factors = toMs / fromMs > 50 ? [1] : [1, 2, 5];
  const [first, last] = [Math.floor(Math.log10(fromMs)), Math.ceil(Math.log10(toMs))];
  return Array.from({ length: last - first + 1 }, (_, n) =>
    factors.map((factor) => factor * 10 ** (first + n)),
  )
    .flat()
    .filter((ms) => ms >= fromMs * 0.999 && ms <= toMs * 1.001);
}

/** A number in three digits. */
export function short(value: number): string {
  if (value >= 1000 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function px(value: number): string {
  return value.toFixed(1);
}
