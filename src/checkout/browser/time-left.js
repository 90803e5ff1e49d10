/**
 * Time left: counts the session's remaining time down from what the server said was left.
 *
 * By the clock that has gone further: the monotonic one of some systems stands still while the device sleeps, and the wall clock
 * may be set back. One that is set forward ends early, and the server sends the browser back to the form.
 *
 * @module
 */

/** Seconds left at which it is said aloud. */
const SAID_AT = [300, 120, 60];

/** Shows the time that is left, if this page has any. */
export function countDown() {
  const timer = document.querySelector('#time-left');
  if (timer === null) return;
  const answered = performance.getEntriesByType('navigation')[0]?.responseStart ?? 0;
  const leftMs = Number(timer.dataset.remainingMs);
  const wallAnswered = performance.timeOrigin + answered;
  let said = Number.POSITIVE_INFINITY;

  const tick = () => {
    const passedMs = Math.max(performance.now() - answered, Date.now() - wallAnswered);
    const seconds = Math.max(0, Math.ceil((leftMs - passedMs) / 1000));
    show(timer, seconds);
    const mark = SAID_AT.findLast((one) => seconds <= one);
    if (mark !== undefined && mark < said) {
      // Of a page that opens late only the nearest moment is said.
      if (said !== Number.POSITIVE_INFINITY || mark === 60) say(timer, mark, seconds);
      said = mark;
    } else if (mark === undefined) said = SAID_AT[0] + 1;
    if (seconds > 0) return;
    clearInterval(clock);
    // What was sent in time is on its way.
    if (document.querySelector('form[data-sent=yes]') !== null) return;
    document.querySelector('#time-said').textContent = timer.dataset.over;
    location.replace(timer.dataset.next);
  };
  const clock = setInterval(tick, 500);
  timer.hidden = false;
  document.querySelector('#time-plain').hidden = true;
  tick();
}

function show(timer, seconds) {
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const clock = timer.querySelector('.clock');
  if (clock.textContent !== text) clock.textContent = text;
  timer.dataset.state = seconds <= 60 ? 'last' : 'calm';
}

function say(timer, mark, seconds) {
  const text =
    mark === 60
      ? timer.dataset.last
      : timer.dataset.minutes.replace('{minutes}', String(Math.round(seconds / 60)));
  document.querySelector('#time-said').textContent = text;
  if (mark !== 60) return;
  const warning = document.querySelector('#time-warning');
  warning.textContent = text;
  warning.hidden = false;
}
