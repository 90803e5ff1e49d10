/**
 * One-time password: sends it once, or asks for another once. A wrong shape is the browser's own to say, as without script.
 *
 * @module
 */

import { sendOnce, showReady, showSending } from './send-once.js';

/** Makes the forms of the password helpful, if the page has them. */
export function helpPassword() {
  const forms = [...document.querySelectorAll('form.otp')];
  for (const form of forms) {
    form.addEventListener('submit', (event) => {
      if (sendOnce(form, event)) showSending(form.querySelector('button'));
    });
  }
  addEventListener('pageshow', (event) => {
    if (event.persisted) for (const form of forms) restore(form);
  });
}

/** Back: the form works again, and no password is left in it. */
function restore(form) {
  form.dataset.sent = '';
  form.reset();
  showReady(form.querySelector('button'));
}
