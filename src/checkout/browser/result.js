/**
 * Result: waits for the final word by server-sent events and goes on to the shop when it is paid.
 *
 * The server draws every state of the page; a word that differs from what is shown loads it again.
 *
 * @module
 */

/** When the stream cannot be had: loads the page again after this, doubled by each load of the same wait. */
const RELOAD_MS = 2000;
const RELOAD_MS_MAX = 60_000;

/** Waits, or goes on, if this page is of a payment. */
export function followPayment() {
  const result = document.querySelector('[data-result]');
  if (result === null) return;
  const next = document.querySelector('a[data-go-on-ms]');
  if (next !== null) setTimeout(() => location.replace(next.href), Number(next.dataset.goOnMs));
  if (result.dataset.events !== undefined) listen(result);
}

function listen(result) {
  const stream = new EventSource(result.dataset.events);
  stream.addEventListener('state', (event) => {
    if (event.data === result.dataset.result) return;
    stream.close();
    location.reload();
  });
  stream.addEventListener('error', () => {
    // Connecting again is the browser's work; closed means it was refused.
    if (stream.readyState === EventSource.CLOSED) reloadLater();
  });
  addEventListener('pagehide', () => stream.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}

function reloadLater() {
  const before = Number(history.state?.reloadMs ?? 0);
  const waitMs = Math.min(RELOAD_MS_MAX, before === 0 ? RELOAD_MS : before * 2);
  history.replaceState({ reloadMs: waitMs }, '');
  setTimeout(() => location.reload(), waitMs);
}
