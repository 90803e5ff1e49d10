/**
 * Report as a page: one file that needs no other, readable on a screen of any width, light or dark, and on paper.
 *
 * References, names and details come from outside: everything is escaped, and the page's policy lets nothing run or load.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import { LEDGER_ACCOUNTS } from '../domain/ledger.ts';
import {
  BREAK_CLASSES,
  type ClassTotal,
  CORRECTED_CLASSES,
  SETTLEMENT_CLASSES,
  type SettlementBreak,
  type SettlementClass,
} from '../domain/settlement.ts';
import { type Html, html } from '../pages/html.ts';
import type { OpenBreaks } from '../storage/settlement-store.ts';
import { CLASS_WORDS, toneOf } from './class-words.ts';
import { barList, divergingBars, type Part, shareBar } from './report-charts.ts';
import { STYLE, STYLE_SOURCE } from './report-style.ts';
import { countOf, needsPerson, type RunReport } from './settlement-desk.ts';
import { showCount, showMoney, showRows, showSum } from './shown-money.ts';

/** What the page may do: wear its style. */
export const REPORT_POLICY = `default-src 'none'; style-src ${STYLE_SOURCE}; base-uri 'none'; form-action 'none'`;

/** The page of a run. */
export function reportPage(report: RunReport): Html {
  const { run, badLines } = report;
  const { scope } = run;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}">
<title>${scope.processor} ${scope.day}, run ${run.runId}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<main>
${head(report)}
${run.report === null ? section('Not finished', html`<p>This run was cut short. The same command goes on where it was.</p>`) : found(report, run.report.totals)}
${badLines.length === 0 ? null : setAside(report)}
${facts(report)}
</main>
</body>
</html>
`;
}

function section(title: string, content: Html | readonly Html[]): Html {
  return html`<section><h2>${title}</h2>${content}</section>`;
}

function head(report: RunReport): Html {
  const { run, corrections } = report;
  const { processor, account, day } = run.scope;
  const total = run.report === null ? 0 : sumOf(run.report.totals.filter(isOfReport));
  const agree = countOf(run, new Set(SETTLEMENT_CLASSES.filter((name) => toneOf(name) === 'well')));
  const person = countOf(run, BREAK_CLASSES);
  return html`<header>
<p class="over">Settlement report, run ${run.runId}</p>
<h1>${processor} <span class="day">${longDay(day)}</span></h1>
<p class="under">${account === null ? 'all accounts' : `account ${account}`}${stateBadge(report)}</p>
<ul class="tiles">
${tile('Rows', showCount(run.report?.rows ?? 0), rate(report))}
${tile('Agree', total === 0 ? 'none' : percent(agree, total), showRows(agree))}
${tile('Corrected', showCount(countOf(run, CORRECTED_CLASSES)), correctionsNote(corrections))}
${tile('Need a person', showCount(person + corrections.refused), person + corrections.refused === 0 ? 'nothing to do' : 'see below')}
${tile('Set aside', showCount(run.report?.badLines ?? 0), 'lines that could not be read')}
</ul>
</header>`;
}

function stateBadge(report: RunReport): Html {
  if (report.run.report === null) return html`<span class="badge later">not finished</span>`;
  return needsPerson(report)
    ? html`<span class="badge person">a person is to look</span>`
    : html`<span class="badge well">clean</span>`;
}

function tile(name: string, value: string, note: string): Html {
  return html`<li><span class="name">${name}</span><span class="value">${value}</span><span class="note">${note}</span></li>
`;
}

function correctionsNote({ made, waiting, refused }: RunReport['corrections']): string {
  const parts = [`${showCount(made)} made`];
  if (waiting > 0) parts.push(`${showCount(waiting)} waiting`);
  if (refused > 0) parts.push(`${showCount(refused)} refused`);
  return parts.join(', ');
}

function rate({ run }: RunReport): string {
  if (run.report === null || run.finishedAt === null) return 'not finished';
  const tookMs = Math.max(1, run.finishedAt - run.startedAt);
  return `${showCount(Math.round((run.report.rows * 1000) / tookMs))} a second`;
}

/** What is of the report itself, and not a transaction that is in none. */
function isOfReport({ class: name }: ClassTotal): boolean {
  return name !== 'not_due' && name !== 'missing_there';
}

function sumOf(totals: readonly ClassTotal[]): number {
  return totals.reduce((sum, { count }) => sum + count, 0);
}

function found(report: RunReport, totals: readonly ClassTotal[]): Html {
  return html`
${section('Rows and payments by class', rowsByClass(totals))}
${breaksSection(report)}
${section('Money by class', moneyByClass(totals))}
${section('Ledger of this run', balances(report))}
${section('Open breaks by age, of all runs', ages(report))}`;
}

function rowsByClass(totals: readonly ClassTotal[]): Html {
  const counts = new Map<SettlementClass, number>();
  for (const { class: name, count } of totals) counts.set(name, (counts.get(name) ?? 0) + count);
  const all = sumOf(totals);
  return chartOf(
    [...counts].map(([name, count]) => ({
      name,
      size: count,
      shown: `${showCount(count)} · ${percent(count, all)}`,
    })),
    'rows',
  );
}

interface Piece {
  name: SettlementClass;
  size: number;
  shown: string;
}

/**
 * The whole as one bar, and then what does not agree, among itself: beside a million matched rows ten breaks are no bar. The others are
 * told without one.
 */
function chartOf(pieces: readonly Piece[], what: string): Html {
  const parts: Part[] = pieces.map(({ name, size, shown }) => ({
    title: CLASS_WORDS[name].title,
    tone: toneOf(name),
    size,
    shown,
  }));
  const differs = parts.filter(({ tone }) => tone === 'corrected' || tone === 'person');
  const others = parts.filter((part) => !differs.includes(part));
  return html`${shareBar(parts)}
${barList(others, null)}
${differs.length === 0 ? html`<p class="none">No difference in ${what}.</p>` : html`<h3>What does not agree</h3>${barList(differs, Math.max(...differs.map(({ size }) => size)))}`}`;
}

function moneyByClass(totals: readonly ClassTotal[]): Html[] {
  const currencies = [...new Set(totals.map(({ currency }) => currency))];
  return currencies.map((currency) => {
    const own = totals.filter((total) => total.currency === currency);
    const pieces = own.map(({ class: name, amount }) => ({
      name,
      size: Math.abs(Number(amount)),
      shown: showMoney(amount, currency),
    }));
    return html`<div class="currency"><h3 class="code">${currency}</h3>${chartOf(pieces, 'money')}${totalsTable(own, currency)}</div>`;
  });
}

const SUMS = ['amount', 'fee', 'tax', 'net'] as const;

/** Six columns of figures stay a table on a phone, and are moved sideways. */
function totalsTable(totals: readonly ClassTotal[], currency: string): Html {
  const caption = `Totals in ${currency}`;
  const rows = totals.map((total) => [
    CLASS_WORDS[total.class].title,
    showCount(total.count),
    ...SUMS.map((name) => showSum(total[name], currency)),
  ]);
  return html`<div class="sideways" role="region" aria-label="${caption}" tabindex="0">${table({
    kind: 'figures',
    caption,
    heads: ['Class', 'Count', 'Amount', 'Fee', 'Tax', 'Net'],
    rows,
  })}</div>`;
}

interface Table {
  /** `figures`: all columns but the first are numbers. Of the others a row is a card of its own on a phone. */
  kind: 'figures' | 'cards' | 'cards breaks';
  caption: string;
  heads: readonly string[];
  rows: readonly (readonly (string | Html)[])[];
}

function table({ kind, caption, heads, rows }: Table): Html {
  return html`<table role="table" class="${kind}"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads.map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (
      row,
    ) => html`<tr role="row">${row.map((cell, i) => html`<td role="cell" data-head="${heads[i]!}">${cell}</td>`)}</tr>
`,
  )}</tbody></table>`;
}

const ACCOUNT_TITLES: Readonly<Record<(typeof LEDGER_ACCOUNTS)[number], string>> = {
  processor_receivable: 'Processor owes us',
  processor_fees: 'Processor’s fees',
  processor_tax: 'Tax on them',
  merchant_payable: 'We owe merchants',
  merchant_fees: 'Our fees',
  suspense: 'Suspense, nobody’s yet',
};

function balances({ run }: RunReport): Html {
  const all = run.report?.balances ?? [];
  if (all.length === 0) return html`<p class="none">Nothing was posted.</p>`;
  return html`<p>Debits to the right, credits to the left. Each currency sums to zero.</p>
${all.map(({ currency, accounts, sum }) => {
  const isZero = BigInt(sum) === 0n;
  const bars = LEDGER_ACCOUNTS.map((account) => ({
    title: ACCOUNT_TITLES[account],
    size: Number(accounts[account] ?? 0),
    shown: showMoney(accounts[account] ?? 0, currency),
  }));
  return html`<div class="currency"><h3 class="code">${currency}</h3>${divergingBars(bars)}
<p class="sum ${isZero ? 'well' : 'person'}"><span>Sum</span><span>${showMoney(sum, currency)}${isZero ? ' ✓' : ': not zero, something is wrong'}</span></p></div>`;
})}`;
}

function breaksSection({ run, breaks, moreOf, at }: RunReport): Html {
  const names = SETTLEMENT_CLASSES.filter(
    (name) =>
      (BREAK_CLASSES.has(name) && countOf(run, new Set([name])) > 0) ||
      breaks.some((one) => one.class === name),
  );
  if (names.length === 0) return section('For a person', html`<p class="none">Nothing.</p>`);
  return section(
    'For a person',
    names.map((name) => {
      const open = breaks.filter((one) => one.class === name);
      const { title, meaning, advice } = CLASS_WORDS[name];
      const found = showCount(countOf(run, new Set([name])));
      const listed = moreOf.includes(name)
        ? `the first ${open.length} that are open`
        : open.length === 0
          ? 'none is open'
          : `${open.length} open`;
      return html`<div class="class"><h3><span class="dot ${toneOf(name)}"></span>${title} <span class="count">${found} found, ${listed}</span></h3>
<p>${meaning}</p>${advice === null ? null : html`<p class="advice"><strong>Do</strong> ${advice}</p>`}
${open.length === 0 ? null : breakTable(title, open, at)}</div>`;
    }),
  );
}

function breakTable(title: string, breaks: readonly SettlementBreak[], at: number): Html {
  return table({
    kind: 'cards breaks',
    caption: title,
    heads: ['Break', 'Payment', 'Reported', 'Ours', 'What'],
    rows: breaks.map(({ reported, ours, ...one }) => [
      html`<code class="id">${one.breakId}</code><span class="soft">${showAge(at - one.foundAt)}</span>`,
      html`<code>${nameOf(one)}</code><span class="soft">${one.merchantId ?? 'no merchant of ours'}${one.line === null ? '' : `, line ${showCount(one.line)}`}</span>`,
      reported === null
        ? 'in no report'
        : html`${showMoney(reported.amount, reported.currency)}<span class="soft">fee ${showSum(reported.fee + reported.tax, reported.currency)}</span>`,
      ours === null
        ? 'none of ours'
        : html`${showMoney(ours.amount, ours.currency)}<span class="soft">${ours.status}</span>`,
      one.detail,
    ]),
  });
}

function nameOf({
  transactionId,
  reference,
  processorTxnId,
}: Pick<SettlementBreak, 'transactionId' | 'reference' | 'processorTxnId'>): string {
  return transactionId === null ? (reference ?? processorTxnId ?? 'none') : showTransactionId(transactionId);
}

function ages({ open, at }: RunReport): Html {
  if (open.length === 0) return html`<p class="none">None is open.</p>`;
  const ageOf = ({ oldestAt }: OpenBreaks): number => Math.max(0, at - oldestAt);
  return barList(
    open.map((one) => ({
      title: CLASS_WORDS[one.class].title,
      tone: 'person',
      size: ageOf(one),
      shown: `${showCount(one.count)} open, oldest ${showAge(ageOf(one))}`,
    })),
    Math.max(...open.map(ageOf)),
  );
}

const HOUR_MS = 60 * 60 * 1000;

function showAge(ms: number): string {
  const hours = Math.max(0, Math.floor(ms / HOUR_MS));
  if (hours < 1) return 'less than an hour';
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

function setAside({ run, badLines }: RunReport): Html {
  const more = (run.report?.badLines ?? badLines.length) - badLines.length;
  return section(
    'Set aside',
    html`<p>These lines could not be read, and nothing of them was posted. Ask the processor for a report that has them whole.</p>
${table({
  kind: 'cards',
  caption: 'Lines that could not be read',
  heads: ['Line', 'What of it cannot be'],
  rows: badLines.map(({ line, detail }) => [showCount(line), detail]),
})}
${more > 0 ? html`<p>And ${showCount(more)} more.</p>` : null}`,
  );
}

function facts({ run, at }: RunReport): Html {
  const { source, digest, startedAt, finishedAt, startedBy } = run;
  const rows: readonly (readonly [string, string])[] = [
    ['Report', source === 'api' ? 'fetched from the processor' : source],
    ['SHA-256', digest],
    ['Begun', `${showMoment(startedAt)} by ${startedBy}`],
    ['Finished', finishedAt === null ? 'no' : showMoment(finishedAt)],
    ['This page', showMoment(at)],
    ['See all breaks', `sluice reconcile breaks --run ${run.runId}`],
  ];
  return section(
    'This run',
    html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`,
  );
}

function showMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function longDay(day: string): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(Date.parse(day));
}

/** Never rounded to all or to nothing. */
function percent(part: number, whole: number): string {
  if (part === 0 || part === whole) return `${part === 0 ? 0 : 100} %`;
  const share = (part / whole) * 100;
  if (share < 0.01) return 'under 0.01 %';
  return share > 99.99 ? 'over 99.99 %' : `${share.toFixed(2)} %`;
}
