/**
 * Card form: groups the number, names the brand, says what is wrong beside each field, sends once; so does the form of UPI.
 *
 * Everything here is a help: without it the form posts the same fields and the server says the same things.
 *
 * @module
 */

import { BRAND_NAMES, brandOf, caretAfter, grouped, numberFault } from './card-number.js';
import { sendOnce, showReady, showSending } from './send-once.js';

/** Makes the form on this page helpful, if there is one. */
export function helpForm() {
  const form = document.querySelector('form[data-texts]');
  if (form === null) return;
  const texts = JSON.parse(form.dataset.texts);
  const fields = [...form.querySelectorAll('input[name]:not([type=hidden])')];
  form.noValidate = true;
  const number = form.elements.cardNumber;
  // A pasted number may have more spaces than a typed one; the digits are counted here.
  number.removeAttribute('maxlength');
  number.addEventListener('input', () => tidyNumber(form, number));
  form.elements.expiryMonth.addEventListener('paste', (event) => pasteExpiry(form, event));
  for (const field of fields) {
    field.addEventListener('blur', () => {
      if (field.value !== '' || field.getAttribute('aria-invalid') === 'true') showFault(form, field, texts);
    });
    field.addEventListener('input', () => {
      if (field.getAttribute('aria-invalid') === 'true') showFault(form, field, texts);
    });
  }
  for (const button of document.querySelectorAll('button[data-card]')) {
    button.hidden = false;
    button.addEventListener('click', () => fillTestCard(form, button, texts));
  }
  form.addEventListener('submit', (event) => send(form, fields, texts, event));
  // That of UPI, which has no fields.
  const others = [...document.forms].filter((other) => other !== form);
  for (const other of others) other.addEventListener('submit', (event) => sendOnce(other, event));
  addEventListener('pageshow', (event) => {
    const back = event.persisted || performance.getEntriesByType('navigation')[0]?.type === 'back_forward';
    if (back) restore(form, fields);
  });
  tidyNumber(form, number);
  const summary = document.querySelector('#wrong');
  if (summary !== null) fields.find((field) => field.getAttribute('aria-invalid') === 'true')?.focus();
}

function tidyNumber(form, number) {
  const before = number.value.slice(0, number.selectionStart).replace(/\D/g, '').length;
  if (!/[^\d -]/.test(number.value)) {
    const digits = number.value.replace(/\D/g, '').slice(0, 19);
    const text = grouped(digits);
    if (text !== number.value) {
      number.value = text;
      if (document.activeElement === number) {
        const caret = caretAfter(text, before);
        number.setSelectionRange(caret, caret);
      }
    }
  }
  const brand = brandOf(number.value.replace(/\D/g, ''));
  const badge = form.querySelector('.brand');
  badge.textContent = BRAND_NAMES[brand] ?? '';
  badge.dataset.brand = brand;
  const hint = form.querySelector('#cvv-hint');
  hint.textContent = brand === 'AMEX' ? hint.dataset.amex : hint.dataset.usual;
}

/** `12/28` pasted into the month is both fields. */
function pasteExpiry(form, event) {
  const match = /^\s*(\d{1,2})\s*[/. -]\s*(\d{4}|\d{2})\s*$/.exec(event.clipboardData.getData('text'));
  if (match === null) return;
  event.preventDefault();
  form.elements.expiryMonth.value = match[1];
  form.elements.expiryYear.value = match[2];
  form.elements.cvv.focus();
}

function fillTestCard(form, button, texts) {
  const number = form.elements.cardNumber;
  number.value = button.dataset.card;
  form.elements.expiryMonth.value = button.dataset.month;
  form.elements.expiryYear.value = button.dataset.year;
  form.elements.cvv.value = button.dataset.code;
  if (form.elements.cardholderName.value === '') form.elements.cardholderName.value = 'Test Shopper';
  tidyNumber(form, number);
  for (const name of ['cardNumber', 'expiryMonth', 'expiryYear', 'cvv', 'cardholderName'])
    showFault(form, form.elements[name], texts);
  form.querySelector('button[type=submit]').focus();
}

/** The code of what is wrong with a field, as the server would say it; null when nothing is. */
function faultOf(form, name) {
  const value = form.elements[name].value.trim();
  if (name === 'cardNumber') return numberFault(value);
  if (name === 'expiryMonth') return /^(0?[1-9]|1[0-2])$/.test(value) ? null : 'expiry_month_invalid';
  if (name === 'expiryYear') return yearFault(form, value);
  if (name === 'cvv') {
    const brand = brandOf(form.elements.cardNumber.value.replace(/\D/g, ''));
    const shape = brand === 'AMEX' ? /^\d{4}$/ : brand === 'UNKNOWN' ? /^\d{3,4}$/ : /^\d{3}$/;
    return shape.test(value) ? null : 'cvv_invalid';
  }
  if (value === '') return 'name_missing';
  if (value.replace(/\D/g, '').length >= 12) return 'name_holds_number';
  return null;
}

function yearFault(form, value) {
  if (!/^(\d{2}|[1-9]\d{3})$/.test(value)) return 'expiry_year_invalid';
  const year = value.length === 2 ? 2000 + Number(value) : Number(value);
  const [nowYear, nowMonth] = form.dataset.month.split('-').map(Number);
  if (year > nowYear + 20) return 'expiry_too_far';
  const month = Number(form.elements.expiryMonth.value);
  if (year < nowYear || (year === nowYear && month >= 1 && month < nowMonth)) return 'card_expired';
  return null;
}

/** Says what is wrong beside the field, or takes it back. */
function showFault(form, field, texts) {
  const code = faultOf(form, field.name);
  const place = form.querySelector(`#${field.name}-error`);
  place.textContent = code === null ? '' : texts[code];
  if (code === null) field.removeAttribute('aria-invalid');
  else field.setAttribute('aria-invalid', 'true');
  return code === null;
}

function send(form, fields, texts, event) {
  const wrong = fields.filter((field) => !showFault(form, field, texts));
  if (wrong.length > 0) {
    event.preventDefault();
    document.querySelector('#wrong')?.remove();
    wrong[0].focus();
    return;
  }
  if (sendOnce(form, event)) showSending(form.querySelector('button[type=submit]'));
}

/** Back: the page works again, and nothing of the card is left in it. */
function restore(form, fields) {
  for (const one of document.forms) one.dataset.sent = '';
  showReady(form.querySelector('button[type=submit]'));
  for (const field of fields) {
    field.value = '';
    field.removeAttribute('aria-invalid');
    form.querySelector(`#${field.name}-error`).textContent = '';
  }
  tidyNumber(form, form.elements.cardNumber);
}
