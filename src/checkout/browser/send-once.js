/**
 * Send once: a form that was sent is not sent again by an impatient finger.
 *
 * @module
 */

/** Whether the form is sent now and was not before. */
export function sendOnce(form, event) {
  const first = form.dataset.sent !== 'yes';
  if (first) form.dataset.sent = 'yes';
  else event.preventDefault();
  return first;
}

/** The button says that its form is on its way. */
export function showSending(button) {
  button.setAttribute('aria-disabled', 'true');
  button.dataset.text = button.textContent;
  button.textContent = button.dataset.sending;
}

/** The button says again what it does. */
export function showReady(button) {
  button.removeAttribute('aria-disabled');
  button.textContent = button.dataset.text ?? button.textContent;
}
