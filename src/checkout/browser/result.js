/**
 * Result: waits for the next word by server-sent events, and goes on by itself where the page says so: to the bank's page, to the shop.
 *
 * The server draws every state of the page; a word that differs from what is shown loads it again.
 *
 * @module
 */

/** While the stream says nothing: the page is asked for after this, then after twice as long, and so on. */
const LOOK_MS = 2000;
const LOOK_MS_MAX = 60_000;

/** Waits, or goes on, if this page is of a payment. */
export function followPayment() {
  const result = document.querySelector('[data-result]');
  if (result === null) return;
  const link = document.querySelector('a[data-go-on-ms]');
  if (link !== null) setTimeout(() => location.replace(link.href), Number(link.dataset.goOnMs));
  goToBank();
  // The refresh is armed once the page has loaded, and a stream opened before it is stopped would be closed with it.
  addEventListener('load', () =>
    setTimeout(() => {
      stopRefresh();
      if (result.dataset.events !== undefined) listen(result);
    }),
  );
}

/** Posts the bank's form: by itself once, where the page says so, and at most once. */
function goToBank() {
  const button = document.querySelector('form.onward button');
  if (button === null) return;
  let sent = false;
  // The button and not its form: a field of the bank may hide any property of that.
  button.addEventListener('click', (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  // The bank answered with a redirect to where this page may not post: the page that waits may.
  addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
    if (effectiveDirective === 'form-action') location.reload();
  });
  if (button.dataset.goOnMs === undefined) return;
  document.querySelector('#going-on').hidden = false;
  setTimeout(() => button.click(), Number(button.dataset.goOnMs));
}

/** Takes the net away that the server spread for a browser in which this script does not run. */
function stopRefresh() {
  document.querySelector('meta[http-equiv=refresh]')?.remove();
  stop();
}

function listen(result) {
  const stream = new EventSource(result.dataset.events);
  let heard = false;
  stream.addEventListener('state', (event) => {
    heard = true;
    if (event.data === result.dataset.result) return;
    stream.close();
    location.reload();
  });
  // Connecting again is the browser's work, unless it was refused; the server then says the state at once.
  stream.addEventListener('error', () => {
    heard = false;
  });
  lookLater(result, () => heard, LOOK_MS);
  addEventListener('pagehide', () => stream.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });
}

/** As long as nothing is heard, asks for the page itself now and then, and loads it once it says something else. */
function lookLater(result, isHeard, waitMs) {
  setTimeout(async () => {
    if (!isHeard() && (await isOver(result.dataset.result))) location.reload();
    else lookLater(result, isHeard, Math.min(LOOK_MS_MAX, waitMs * 2));
  }, waitMs);
}

/**
 * Whether the server now draws another state. While it cannot be reached this page is better than none. Without cookies: a page that
 * nobody was shown must not count as the one that sent this browser on to the bank.
 */
async function isOver(state) {
  try {
    const answer = await fetch(location.href, { credentials: 'omit' });
    if (!answer.ok) return false;
    const drawn = /data-result="([\w-]+)"/.exec(await answer.text());
    return drawn !== null && drawn[1] !== state;
  } catch {
    return false;
  }
}
