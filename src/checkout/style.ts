/**
 * Style: the one style sheet of the checkout pages. System fonts, one accent, both colour schemes; nothing is loaded.
 *
 * @module
 */

import { hash } from 'node:crypto';

export const STYLE = `
:root { color-scheme: light dark; --ink: #131a26; --soft: #566074; --line: #dfe3ea; --edge: #8a93a6; --paper: #fff; --back: #f5f6f9; --key: #2f4fc4; --key-down: #263f9e; --on-key: #fff; --tint: #eef1fc; --bad: #b3261e; --bad-tint: #fdf1f0; --warn: #7a4b00; --warn-tint: #fff6e2; --shade: 0 1px 2px rgb(19 26 38 / .05), 0 12px 32px -12px rgb(19 26 38 / .14); }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff5; --soft: #a4adbf; --line: #2d3443; --edge: #6d7689; --paper: #181d28; --back: #0f131b; --key: #9db4ff; --key-down: #b9c9ff; --on-key: #0d1530; --tint: #1f2639; --bad: #ffb0a8; --bad-tint: #2d1b1c; --warn: #ffd58a; --warn-tint: #2b2414; --shade: 0 1px 2px rgb(0 0 0 / .4), 0 16px 40px -16px rgb(0 0 0 / .6); } }
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Devanagari", sans-serif; }
h1, h2, p, ul, ol, dl, dd { margin: 0; padding: 0; }
a { color: var(--key); text-underline-offset: .2em; }
[hidden] { display: none !important; }
:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: fixed; z-index: 1; top: .75rem; left: .75rem; width: auto; height: auto; clip-path: none; padding: .6rem 1rem; border-radius: .5rem; background: var(--paper); }
main { display: grid; gap: 1.75rem; max-width: 62rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 4.5rem) clamp(1rem, 4vw, 2rem) 3rem; }
.mark { display: flex; align-items: center; gap: .6rem; flex-wrap: wrap; margin-bottom: 1.25rem; color: var(--soft); font-size: 1rem; font-weight: 550; line-height: 1.3; overflow-wrap: anywhere; }
.pill { padding: .1rem .55rem; border-radius: 1rem; background: var(--warn-tint); color: var(--warn); font-size: .75rem; font-weight: 600; white-space: nowrap; }
.sum { font-size: clamp(2rem, 1.5rem + 2.6vw, 2.9rem); font-weight: 650; line-height: 1.15; letter-spacing: -.025em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.soft { color: var(--soft); overflow-wrap: anywhere; }
.sum + .soft { margin-top: .4rem; }
.time { margin-top: 1.1rem; color: var(--soft); font-size: .9375rem; font-variant-numeric: tabular-nums; }
.time .clock { display: inline-block; min-width: 2.6em; color: var(--ink); font-weight: 600; }
.time[data-state=last] .clock { color: var(--bad); }
.warning { margin-top: 1rem; padding: .7rem .9rem; border-radius: .6rem; background: var(--warn-tint); color: var(--warn); font-size: .9375rem; }
.sheet { padding: clamp(1.25rem, 4vw, 2.25rem); border: 1px solid var(--line); border-radius: 1rem; background: var(--paper); box-shadow: var(--shade); }
.sheet h2 { margin-bottom: 1.25rem; font-size: 1.125rem; font-weight: 650; letter-spacing: -.01em; }
.field, fieldset { margin: 0 0 1.15rem; padding: 0; border: 0; min-width: 0; }
label, legend { display: block; padding: 0; margin-bottom: .35rem; font-size: .9375rem; font-weight: 550; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: .75rem; }
.pair label { color: var(--soft); font-size: .8125rem; font-weight: 500; margin-bottom: .2rem; }
input { display: block; width: 100%; min-height: 3rem; padding: .6rem .85rem; border: 1px solid var(--edge); border-radius: .6rem; background: var(--paper); color: inherit; font: inherit; font-variant-numeric: tabular-nums; transition: border-color .15s, box-shadow .15s; }
input::placeholder { color: var(--soft); opacity: 1; }
input:focus { outline: 3px solid transparent; border-color: var(--key); box-shadow: 0 0 0 1px var(--key), 0 0 0 4px color-mix(in srgb, var(--key) 22%, transparent); }
input[aria-invalid=true] { border-color: var(--bad); box-shadow: 0 0 0 1px var(--bad); }
.number { position: relative; }
.number input { padding-right: 7rem; }
.brand { position: absolute; top: 50%; right: .6rem; transform: translateY(-50%); padding: .15rem .5rem; border-radius: .35rem; background: var(--tint); color: var(--key); font-size: .75rem; font-weight: 650; pointer-events: none; }
.brand:empty { visibility: hidden; }
.hint { margin-top: .3rem; color: var(--soft); font-size: .8125rem; }
button + .hint { margin-top: .6rem; text-align: center; text-wrap: balance; }
.error { color: var(--bad); font-size: .875rem; }
.error:not(:empty) { margin-top: .35rem; }
.wrong { margin-bottom: 1.4rem; padding: .9rem 1rem; border-radius: .6rem; background: var(--bad-tint); color: var(--bad); font-size: .9375rem; }
.wrong ul { margin-top: .3rem; padding-left: 1.2rem; }
.wrong a { color: inherit; }
button, .button { display: block; width: 100%; min-height: 3.25rem; padding: .8rem 1rem; border: 1px solid transparent; border-radius: .7rem; background: var(--key); color: var(--on-key); font: inherit; font-weight: 600; font-variant-numeric: tabular-nums; text-align: center; text-decoration: none; cursor: pointer; transition: background-color .15s; }
button:hover, .button:hover { background: var(--key-down); }
button[aria-disabled=true] { opacity: .7; cursor: progress; }
.button.quiet { border-color: var(--edge); background: transparent; color: var(--ink); }
.button.quiet:hover { background: var(--tint); }
button.quiet { border-color: var(--edge); background: transparent; color: var(--ink); }
button.quiet:hover { background: var(--tint); }
.or { display: flex; align-items: center; gap: .9rem; margin: 1.4rem 0; color: var(--soft); font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
form.otp { margin-top: 1.5rem; text-align: left; }
form.otp + form.otp { margin-top: .75rem; }
.otp input { font-size: 1.25rem; letter-spacing: .2em; }
.told { margin-bottom: 1.15rem; padding: .7rem .9rem; border-radius: .6rem; background: var(--tint); font-size: .9375rem; }
.upi { display: grid; gap: 1.5rem; margin-top: 1.5rem; }
.upi figure { margin: 0; font-size: .9375rem; }
.qr { display: block; width: min(100%, 14rem); margin: 0 auto .75rem; border: 1px solid var(--line); border-radius: .7rem; }
.button + .button { margin-top: .75rem; }
.under, .outcome h1, .outcome h1 + p { text-wrap: balance; }
.under { margin-top: 1rem; color: var(--soft); font-size: .8125rem; text-align: center; }
.leave { margin-top: 1.25rem; font-size: .9375rem; text-align: center; }
.tests { font-size: .875rem; }
.tests h2 { margin-bottom: .2rem; font-size: .9375rem; font-weight: 600; }
.tests ul { margin: .75rem 0; border-top: 1px solid var(--line); list-style: none; }
.tests li { position: relative; display: flex; flex-wrap: wrap; gap: .1rem 1rem; justify-content: space-between; padding: .6rem .25rem; border-bottom: 1px solid var(--line); }
.tests li:hover { background: var(--tint); }
.tests code { font: inherit; font-variant-numeric: tabular-nums; font-weight: 550; }
.tests button { position: absolute; inset: 0; width: 100%; min-height: 0; padding: 0; border-radius: .3rem; background: transparent; }
.outcome { max-width: 31rem; }
.outcome .sheet { text-align: center; }
.outcome h1 { font-size: 1.5rem; font-weight: 650; line-height: 1.25; letter-spacing: -.02em; }
.outcome h1 + p { margin-top: .6rem; color: var(--soft); overflow-wrap: anywhere; }
.outcome .mark { justify-content: center; margin-bottom: 0; text-align: center; }
.sign { display: block; width: 3.5rem; height: 3.5rem; margin: .25rem auto 1.25rem; border-radius: 50%; background: var(--tint); color: var(--key); }
.sign.bad { background: var(--bad-tint); color: var(--bad); }
.sign svg { display: block; width: 100%; height: 100%; fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round; }
.sign .turn { transform-origin: center; animation: turn 1.4s linear infinite; }
.sign .draw { stroke-dasharray: 34; animation: draw .5s .1s ease-out backwards; }
@keyframes turn { to { transform: rotate(1turn); } }
@keyframes draw { from { stroke-dashoffset: 34; } }
.facts { margin: 1.75rem 0; padding: 1.1rem 0; border: solid var(--line); border-width: 1px 0; font-size: .9375rem; text-align: left; }
.facts:last-child { margin-bottom: 0; padding-bottom: 0; border-bottom: 0; }
.facts div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1.5rem; padding: .2rem 0; }
.facts dt { color: var(--soft); }
.facts dd { min-width: 0; margin-left: auto; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; text-align: right; }
.long { font-size: .8125rem; }
.calm { display: grid; gap: .6rem; margin: 1.5rem 0 0; padding-left: 1.2rem; color: var(--soft); text-align: left; font-size: .9375rem; }
.sheet > .button:first-of-type { margin-top: 1.5rem; }
@media (min-width: 48rem) {
  .upi figure { order: -1; }
  .upi .button { border-color: var(--edge); background: transparent; color: var(--ink); }
  .upi .button:hover { background: var(--tint); }
}
@media (min-width: 56rem) {
  main.pay { grid-template: "order form" auto "tests form" 1fr / minmax(0, 1fr) minmax(0, 27rem); gap: 2.75rem clamp(3rem, 7vw, 6rem); }
  .order { grid-area: order; } .card { grid-area: form; } .tests { grid-area: tests; max-width: 25rem; }
}
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { input:focus, button:focus-visible, .button:focus-visible { outline: 3px solid Highlight; } button, .button { border-color: ButtonText; } .sheet, .pill, .brand, .wrong, .told, .warning { border: 1px solid CanvasText; } }
@view-transition { navigation: auto; }
`;

/** As it stands in the policy. */
export const STYLE_SOURCE = `'sha256-${hash('sha256', STYLE, 'base64')}'`;
