/**
 * Report style: the one style sheet of a report's page, and the hash its policy names.
 *
 * @module
 */

import { createHash } from 'node:crypto';

export const STYLE = `
:root { color-scheme: light dark; --ground: #f3f5f8; --card: #ffffff; --text: #182030; --soft: #556072; --line: #dde2ea; --track: #eaeef3;
  --well: #1c8a62; --corrected: #2f6fd6; --person: #c2570c; --later: #7d8899; --well-soft: #e0f3ea; --person-soft: #fdeadb; --later-soft: #e8ebf0;
  --well-text: #0f5f42; --person-text: #8a3a04; --later-text: #485263; --debit: #2f6fd6; --credit: #8a55c8; }
@media (prefers-color-scheme: dark) { :root { --ground: #10141a; --card: #191f28; --text: #e7ebf1; --soft: #a4afbf; --line: #2c3542; --track: #252d39;
  --well: #3dbb8b; --corrected: #6c9ff5; --person: #ef9a4b; --later: #8994a5; --well-soft: #17372b; --person-soft: #40290f; --later-soft: #2a323e;
  --well-text: #7fe0b9; --person-text: #ffc48a; --later-text: #c2cbd8; --debit: #6c9ff5; --credit: #b48bea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px; }
header { margin-bottom: 24px; }
h1 { font-size: 30px; line-height: 1.2; margin: 2px 0 6px; letter-spacing: -0.01em; }
.day { font-weight: 400; color: var(--soft); }
h2 { font-size: 19px; margin: 0 0 14px; }
h3 { font-size: 15px; margin: 20px 0 8px; }
.over, .under { margin: 0; color: var(--soft); }
.badge { display: inline-block; margin-left: 12px; padding: 2px 12px; border-radius: 999px; font-weight: 600; font-size: 14px; }
.badge.well { background: var(--well-soft); color: var(--well-text); }
.badge.person { background: var(--person-soft); color: var(--person-text); }
.badge.later { background: var(--later-soft); color: var(--later-text); }
ul { list-style: none; margin: 0; padding: 0; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 12px; margin-top: 20px; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; display: flex; flex-direction: column; }
.tiles .name, .tiles .note { color: var(--soft); font-size: 13px; }
.tiles .value { font-size: 24px; font-weight: 650; line-height: 1.3; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin-bottom: 18px; }
section p { margin: 0 0 10px; }
.none { color: var(--soft); }
svg { display: block; }
.share { border-radius: 6px; margin-bottom: 10px; }
rect.well { fill: var(--well); } rect.corrected { fill: var(--corrected); } rect.person { fill: var(--person); } rect.later { fill: var(--later); }
rect.track { fill: var(--track); } rect.axis { fill: var(--soft); } rect.debit { fill: var(--debit); } rect.credit { fill: var(--credit); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; margin-bottom: 12px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 8px; background: var(--later); }
.dot.well { background: var(--well); } .dot.corrected { background: var(--corrected); } .dot.person { background: var(--person); }
.bars li { display: grid; grid-template-columns: 210px 1fr auto; grid-template-areas: "label bar amount"; gap: 4px 16px; align-items: center; padding: 4px 0; }
.bars .label { grid-area: label; } .bars .amount { grid-area: amount; text-align: right; min-width: 190px; } .bars .bar { grid-area: bar; }
.currency + .currency { border-top: 1px solid var(--line); margin-top: 22px; padding-top: 6px; }
.code { letter-spacing: 0.06em; color: var(--soft); }
.sum { display: flex; justify-content: space-between; border-top: 1px solid var(--line); margin: 8px 0 0; padding-top: 8px; font-weight: 650; }
.sum.well { color: var(--well-text); } .sum.person { color: var(--person-text); }
.class + .class { border-top: 1px solid var(--line); margin-top: 22px; padding-top: 2px; }
.class h3 { font-size: 16px; } .count { font-weight: 400; color: var(--soft); font-size: 14px; margin-left: 6px; }
.advice { color: var(--text); } .advice strong { margin-right: 4px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 12px; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
th, td { padding: 8px 20px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child td { border-bottom: 0; }
.figures th:not(:first-child), .figures td:not(:first-child) { text-align: right; white-space: nowrap; }
.figures td:first-child { min-width: 130px; }
.sideways { overflow-x: auto; position: relative; }
.breaks { table-layout: fixed; } .breaks th { width: 14%; } .breaks th:nth-child(2) { width: 31%; } .breaks th:last-child { width: 27%; }
.soft { display: block; color: var(--soft); font-size: 13px; }
code { font: 13px/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
dl { margin: 0; } dl div { display: grid; grid-template-columns: 150px 1fr; gap: 12px; padding: 4px 0; }
dt { color: var(--soft); } dd { margin: 0; }
@media (max-width: 760px) {
  main { padding: 20px 14px 40px; } h1 { font-size: 25px; } .day { display: block; font-size: 20px; }
  .badge { display: table; margin: 8px 0 0; }
  .tiles { grid-template-columns: 1fr 1fr; } .tiles li:last-child:nth-child(odd) { grid-column: span 2; } section { padding: 18px 16px; }
  .bars li { grid-template-columns: 1fr auto; grid-template-areas: "label amount" "bar bar"; padding: 6px 0; } .bars .amount { min-width: 0; }
  .cards, .cards tbody, .cards tr, .cards td { display: block; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { padding: 10px 0; border-bottom: 1px solid var(--line); } .cards tbody tr:last-child { border-bottom: 0; }
  .cards td, .cards td:last-child { border: 0; padding: 3px 0 3px 96px; min-height: 1.5em; position: relative; white-space: normal; }
  .cards td::before { content: attr(data-head); color: var(--soft); position: absolute; left: 0; width: 88px; }
  dl div { grid-template-columns: 1fr; gap: 0; padding: 6px 0; }
}
@media print {
  :root { --ground: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb; --track: #eee; --well: #1c8a62; --corrected: #2f6fd6; --person: #c2570c; --later: #7d8899;
    --well-text: #0f5f42; --person-text: #8a3a04; --later-text: #485263; --well-soft: #fff; --person-soft: #fff; --later-soft: #fff; --debit: #2f6fd6; --credit: #8a55c8; }
  body { font-size: 11px; } main { max-width: none; padding: 0; } section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 12px 0; margin: 0; }
  .tiles li { border-radius: 0; padding: 8px; } .tiles .value { font-size: 17px; } table { font-size: 10px; } code, th, .soft, .legend, .tiles .name, .tiles .note { font-size: 9px; }
  h2 { font-size: 15px; } h3, .class h3 { font-size: 12px; } .count, .badge { font-size: 10px; }
  h2, h3 { break-after: avoid; } tr, .bars li, .tiles, .sum { break-inside: avoid; } .badge { border: 1px solid; }
  rect, .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** As a source of a Content-Security-Policy. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
