/**
 * HTML report: one file that needs nothing else: no script, no font, no picture from anywhere. For light and dark screens and for
 * paper.
 *
 * @module
 */

import type { Audit } from './audit.ts';
import { histogram, latencyChart, rateChart, short } from './charts.ts';
import { STEPS, type Step } from './measurement.ts';
import type { LoadReport } from './report.ts';

/** What each step measures, for whoever has not read the README. */
const STEP_TEXTS: Readonly<Record<Step, string>> = {
  intent: 'from the instant it was due until its 201',
  session: 'from the intent’s answer until its 201',
  page: 'from the session until the checkout page',
  pay: 'from the form’s posting until its 303',
  final: 'from the 303 until a GET shows SUCCESS or FAILED',
  webhook: 'from the 303 until the merchant’s webhook',
  read: 'one GET of a transaction',
};

/** The whole page. */
export function htmlReport(report: LoadReport): string {
  const { scenario, load, startedAt } = report;
  const title = `${scenario}, ${load}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">Sluice load report · ${text(startedAt.slice(0, 16).replace('T', ' '))} UTC</p>
<h1>${text(scenario)}</h1>
<p class="lead">${text(verdict(report))}</p>
</header>
${tiles(report)}
${auditSection(report.audit)}
${timelineSection(report)}
${latencySection(report)}
${cpuSection(report)}
${climbSection(report)}
${errorSection(report)}
${methodSection(report)}
</main>
</body>
</html>
`;
}

/** The run in one sentence or two. */
function verdict({ achieved, offered, load, audit, errors, seconds }: LoadReport): string {
  const rate = `${short(achieved)} a second of ${short(offered)} offered over ${short(seconds)} s, ${load}`;
  const failed = errors === 0 ? 'no errors' : `${short(errors)} errors`;
  if (audit === null) return `${rate}; ${failed}. The audit could not be made.`;
  const { lost, double, findings } = audit;
  if (findings.length === 0) return `${rate}; ${failed}. Nothing was lost, nothing was charged twice.`;
  return `${rate}; ${failed}. The audit found faults: ${lost} lost, ${double ?? 'an unknown number'} double.`;
}

function tiles({ achieved, offered, completed, errors, latencyMs }: LoadReport): string {
  const p99 = (step: Step) => latencyMs[step].p99;
  const figures: [string, string, string][] = [
    ['achieved', short(achieved), `a second, of ${short(offered)}`],
    ['completed', short(completed), errors === 0 ? 'no errors' : `${short(errors)} errors`],
  ];
  for (const step of ['intent', 'session', 'pay', 'final', 'read'] as const) {
    const value = p99(step);
    if (value !== null && figures.length < 5)
      figures.push([`${step} p99`, `${short(value)} ms`, `p50 ${short(latencyMs[step].p50!)} ms`]);
  }
  const tile = ([name, value, note]: [string, string, string]) =>
    `<div class="tile"><dt>${name}</dt><dd>${value}</dd><p>${note}</p></div>`;
  return `<dl class="tiles">${figures.map(tile).join('')}</dl>`;
}

function auditSection(audit: Audit | null): string {
  if (audit === null) return section('Audit', '<p>It could not be made.</p>');
  const { source, findings, remarks, acknowledged, stored, charged, delivered, lost, double } = audit;
  const counts = { acknowledged, stored, charged, delivered, lost, double };
  const cells = Object.entries(counts).map(([name, value]) => {
    const fault = (name === 'lost' || name === 'double') && value !== null && value > 0;
    return `<div${fault ? ' class="fault"' : ''}><dt>${name}</dt><dd>${value === null ? '–' : short(value)}</dd></div>`;
  });
  const read =
    source === 'sql'
      ? 'Read from the databases and the bank’s book, payment by payment, against what the driver was told. The warm-up is in it.'
      : 'By asking the API, and the bank’s book where it is known; the databases were not at hand. The warm-up is in it.';
  const found = findings.map(
    ({ rule, what, count, ids }) =>
      `<li><strong>${text(rule)}</strong> ${short(count)}: ${text(what)}<br><code>${text(ids.join(' '))}</code></li>`,
  );
  return section(
    'Audit',
    `<dl class="counts">${cells.join('')}</dl><p class="note">${read}</p>${list(found)}${list(remarks.map((one) => `<li>${text(one)}</li>`))}`,
  );
}

function timelineSection({ timeline, phases, recoverySeconds, warmUpSeconds }: LoadReport): string {
  const trouble = phases.length > 1 ? phases[1] : undefined;
  const recovery =
    recoverySeconds === null
      ? 'It was not itself again within the run.'
      : `${recoverySeconds} s later all was as before.`;
  return section(
    'Second by second',
    `<ul class="legend"><li class="achieved">achieved</li><li class="offered">offered</li><li class="errors">errors</li></ul>
<figure>${rateChart(timeline, phases)}</figure>
<ul class="legend"><li class="p99">p99 of the answers, ms</li></ul>
<figure>${latencyChart(timeline, phases)}</figure>
<p class="note">${warmUpSeconds === 0 ? 'There was no warm-up.' : `${warmUpSeconds} s of warm-up came before second 0.`} ${trouble === undefined ? '' : `The ${text(trouble.name)} phase lasted from second ${short(trouble.from)} to ${short(trouble.to)}. ${recovery}`}</p>`,
  );
}

function latencySection({ latencyMs, bars }: LoadReport): string {
  const measured = STEPS.filter((step) => bars[step] !== undefined);
  const figures = measured.map(
    (step) =>
      `<figure class="small"><figcaption><strong>${step}</strong> ${STEP_TEXTS[step]}</figcaption>${histogram(step, bars[step]!, latencyMs[step])}</figure>`,
  );
  const rows = measured.map((step) => {
    const { p50, p90, p99, p999, max } = latencyMs[step];
    const cells = [p50, p90, p99, p999, max].map((ms) => `<td>${ms === null ? '–' : ms.toFixed(1)}</td>`);
    return `<tr><th scope="row">${step}</th>${cells.join('')}</tr>`;
  });
  return section(
    'Latency',
    `<table><thead><tr><th scope="col">ms</th><th scope="col">p50</th><th scope="col">p90</th><th scope="col">p99</th><th scope="col">p99.9</th><th scope="col">max</th></tr></thead><tbody>${rows.join('')}</tbody></table>
<div class="grid-of-two">${figures.join('')}</div>
<p class="note">Waits for a free connection are part of every latency. The horizontal axes are logarithmic.</p>`,
  );
}

function cpuSection({ cpuUsPerPayment }: LoadReport): string {
  const known = Object.entries(cpuUsPerPayment).filter(
    (entry): entry is [string, number] => entry[1] !== null,
  );
  const most = Math.max(...known.map(([, us]) => us), 1);
  const rows = known.map(
    ([part, us]) =>
      `<tr><th scope="row">${part}</th><td>${short(us)}</td><td class="wide"><span class="meter" style="width:${((us / most) * 100).toFixed(1)}%"></span></td></tr>`,
  );
  return section('CPU of a payment, µs', `<table class="meters"><tbody>${rows.join('')}</tbody></table>`);
}

function climbSection({ steps, achieved }: LoadReport): string {
  if (steps === null) return '';
  const rows = steps.map(
    (step) =>
      `<tr${step.achieved === achieved ? ' class="best"' : ''}><th scope="row">${step.concurrency}</th><td>${short(step.achieved)}</td><td>${short(step.errors)}</td><td>${step.p99.intent?.toFixed(1) ?? '–'}</td><td>${step.p99.pay?.toFixed(1) ?? '–'}</td></tr>`,
  );
  return section(
    'The climb',
    `<table><thead><tr><th scope="col">in flight</th><th scope="col">a second</th><th scope="col">errors</th><th scope="col">intent p99, ms</th><th scope="col">pay p99, ms</th></tr></thead><tbody>${rows.join('')}</tbody></table><p class="note">The rest of this report is of the best step, the audit of all.</p>`,
  );
}

function errorSection({ errorsByCause, errorSamples }: LoadReport): string {
  const causes = Object.entries(errorsByCause).sort(([, a], [, b]) => b - a);
  if (causes.length === 0) return '';
  const rows = causes.map(
    ([cause, count]) => `<tr><th scope="row">${text(cause)}</th><td>${short(count)}</td></tr>`,
  );
  const samples = errorSamples
    .filter(({ body }) => body !== '')
    .map(({ cause, body }) => `<li>${text(cause)}<br><code>${text(body)}</code></li>`);
  return section('Errors', `<table><tbody>${rows.join('')}</tbody></table>${list(samples)}`);
}

function methodSection({
  machine,
  traffic,
  pollsPerPayment,
  load,
  warmUpSeconds,
  seconds,
}: LoadReport): string {
  const facts: [string, string][] = [
    ['Load', `${load}, ${short(seconds)} s after ${warmUpSeconds} s of warm-up`],
    ['Merchants', short(traffic.merchants)],
    ['Cards', `${short(traffic.cards)} distinct numbers, in turn`],
    ['Idempotency-Key', traffic.idempotencyKeys ? 'on every API POST' : 'on none'],
    [
      'Checkout page',
      traffic.page ? 'asked for before each form' : 'not asked for; the form is posted at once',
    ],
    ['Status', `first asked for after ${traffic.firstPollMs} ms, ${pollsPerPayment ?? 0} times a payment`],
    ['Seed', String(traffic.seed)],
    [
      'Driver’s machine',
      `${machine.cpus} × ${machine.model}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}`,
    ],
    ['Commit', machine.commit ?? 'unknown'],
  ];
  const rows = facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${text(value)}</dd></div>`);
  return section('How it was measured', `<dl class="facts">${rows.join('')}</dl>`);
}

function section(title: string, body: string): string {
  return `<section><h2>${title}</h2>${body}</section>`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '' : `<ul class="plain">${items.join('')}</ul>`;
}

function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `
:root { --page: #f7f6f3; --paper: #ffffff; --ink: #22262b; --soft: #69707a; --line: #e4e2dc; --achieved: #2b7264; --offered: #8d959f; --errors: #b5532f; --p99: #5257a5; --band: #69707a12; }
@media (prefers-color-scheme: dark) { :root { --page: #131518; --paper: #1a1d21; --ink: #e8e6e1; --soft: #9ba1a9; --line: #2d3137; --achieved: #6cc0aa; --offered: #8a929c; --errors: #e58e6c; --p99: #a5a9ec; --band: #ffffff0a; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1040px; margin: 0 auto; padding: 56px 24px 80px; }
h1 { font-size: 40px; line-height: 1.15; letter-spacing: -.02em; font-weight: 650; margin: 4px 0 10px; }
h2 { font-size: 19px; font-weight: 620; letter-spacing: -.005em; margin-bottom: 16px; }
.eyebrow, .note, figcaption, .tile p, .tile dt, .counts dt, .facts dt { color: var(--soft); font-size: 14px; }
.lead { font-size: 19px; max-width: 62ch; }
section, .tiles { margin-top: 28px; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 24px 26px 26px; }
.note { margin-top: 14px; max-width: 90ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 14px; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 16px 18px; }
.tile dd { font-size: 28px; line-height: 1.25; font-weight: 620; letter-spacing: -.015em; white-space: nowrap; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px 24px; }
.counts dd { font-size: 24px; font-weight: 600; line-height: 1.3; }
.fault dd { color: var(--errors); }
.legend { list-style: none; padding: 0; display: flex; gap: 20px; color: var(--soft); font-size: 14px; margin-top: 4px; }
.legend li::before { content: ""; display: inline-block; width: 18px; height: 3px; border-radius: 2px; background: currentColor; margin-right: 8px; vertical-align: middle; }
.legend .achieved::before { background: var(--achieved); } .legend .offered::before { background: var(--offered); } .legend .errors::before { background: var(--errors); } .legend .p99::before { background: var(--p99); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
figure + .legend { margin-top: 20px; }
.grid, .axis { stroke: var(--line); fill: none; } .mark { stroke: var(--ink); stroke-opacity: .45; stroke-dasharray: 2 3; fill: none; }
.band { fill: var(--band); }
text { fill: var(--soft); font-size: 12px; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.achieved.line { stroke: var(--achieved); } .achieved.fill { fill: var(--achieved); fill-opacity: .14; }
.offered.line { stroke: var(--offered); stroke-width: 1.5; stroke-dasharray: 5 4; } .p99.line { stroke: var(--p99); }
rect.errors { fill: var(--errors); fill-opacity: .85; } .bar { fill: var(--achieved); fill-opacity: .75; }
.grid-of-two { display: grid; grid-template-columns: repeat(auto-fit, minmax(360px, 1fr)); gap: 26px 36px; margin-top: 26px; }
figcaption strong { color: var(--ink); font-weight: 600; margin-right: 6px; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 7px 0 7px 16px; text-align: right; border-bottom: 1px solid var(--line); font-weight: 400; }
th:first-child { text-align: left; padding-left: 0; } thead th { color: var(--soft); font-size: 14px; } tbody tr:last-child > * { border-bottom: 0; }
.best > * { font-weight: 650; }
.meters td.wide { width: 70%; text-align: left; } .meter { display: block; height: 9px; border-radius: 5px; background: var(--achieved); opacity: .8; }
.facts { display: grid; gap: 6px; } .facts div { display: grid; grid-template-columns: 170px 1fr; } .facts dd { overflow-wrap: anywhere; }
.plain { padding-left: 18px; margin-top: 14px; } .plain li + li { margin-top: 8px; }
code { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, monospace; color: var(--soft); overflow-wrap: anywhere; }
@media (max-width: 560px) { main { padding: 32px 14px 56px; } section { padding: 18px 16px; } h1 { font-size: 32px; } .facts div { grid-template-columns: 1fr; } .grid-of-two { grid-template-columns: 1fr; } }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
`;
