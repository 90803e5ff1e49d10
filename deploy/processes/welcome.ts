/**
 * Welcome: what a topology says when it is up.
 *
 * @module
 */
import type { RunningTopology } from './topology.ts';

/** Where to click, and what can be done to the parts. */
export function welcome(
  folder: string,
  running: RunningTopology,
  pids: Readonly<Record<string, number>>,
): string {
  const { urls } = running;
  const ops = Object.entries(urls.ops).map(
    ([name, url]) => `  ${name.padEnd(10)} ${url}/readyz  ${url}/metrics\n`,
  );
  const width = Math.max(...Object.keys(pids).map(({ length }) => length));
  const parts = Object.entries(pids).map(([name, pid]) => `  ${name.padEnd(width)} ${pid}\n`);
  return `Sluice is ready, in parts.
  Demo shop  ${urls.bank}/shop
  API        ${urls.api}  through the balancer
  Checkout   ${urls.checkout}  through the balancer
  Balancer   ${urls.statistics}
${ops.join('')}  Banks      ${urls.bank}  ${urls.bankB}
  Demo keys  ${folder}/demo.json
  Logs       ${folder}/log

Its processes, each started again when it ends:
${parts.join('')}
Type \`kill NAME\`, \`pause NAME\`, \`resume NAME\` or \`restart NAME\`, or \`list\`. Ctrl-C stops everything.
Do the records agree? npm run -s sluice -- verify --config ${folder}/settings
`;
}
