/**
 * Messages: every word a shopper reads, in every language. A text that is missing in one of them does not compile.
 *
 * `{name}` stands for what is put in by {@link fill}.
 *
 * @module
 */

import type { CardErrorCode } from '../domain/card.ts';
import type { OutcomeCode } from '../domain/outcomes.ts';
import type { Language } from './language.ts';

/** A page that says one thing. */
export interface Notice {
  title: string;
  detail: string;
}

export interface Messages {
  payTitle: string;
  order: string;
  cardDetails: string;
  cardNumber: string;
  expiry: string;
  month: string;
  year: string;
  cvv: string;
  cvvHint: string;
  cvvHintAmex: string;
  name: string;
  upi: string;
  payByUpi: string;
  upiHint: string;
  or: string;
  pay: string;
  paying: string;
  cancel: string;
  backToShop: string;
  secure: string;
  payWithin: string;
  timeLeft: string;
  minutesLeft: string;
  lastMinute: string;
  timeOver: string;
  nothingCharged: string;
  checkFields: string;
  testMode: string;
  testLead: string;
  testFill: string;
  testAny: string;
  testUpi: string;
  testRazorpay: string;
  testPayu: string;
  testOutcomes: Record<
    | 'paid'
    | 'debit'
    | 'confirm'
    | 'declined'
    | 'declinedAfter'
    | 'declinedConfirmed'
    | 'noFunds'
    | 'noFundsAfter'
    | 'later'
    | 'silent',
    string
  >;
  skip: string;
  card: string;
  endingIn: string;
  method: string;
  amount: string;
  payee: string;
  bankPage: string;
  upiPage: string;
  reference: string;
  expired: Notice;
  noPayment: Notice;
  /** Nothing can be read now. It must not say how a payment stands. */
  cannotLook: Notice;
  paid: Notice;
  paidByOther: Notice;
  goingOn: string;
  continueNow: string;
  /** Before the shopper was at the bank's page, and after. */
  confirm: Notice;
  confirmWaits: Notice;
  toBank: string;
  goingToBank: string;
  /** A page of the processor that leads to the UPI app; before the shopper was there, and after. */
  upiOnPage: Notice;
  upiOnPageWaits: Notice;
  toUpiPage: string;
  goingToUpiPage: string;
  otp: Notice;
  otpLabel: string;
  otpHint: string;
  otpSend: string;
  otpSending: string;
  otpResend: string;
  otpAgain: string;
  /** What came of the password sent last, or of asking for another. */
  otpNotes: Record<'shape' | 'wrong' | 'resent' | 'not-resent', string>;
  otpTooOften: Notice;
  backToPayment: string;
  upiAction: Notice;
  openUpi: string;
  scan: string;
  /** What the QR code is, for who cannot see it. */
  qrCode: string;
  simulator: string;
  waiting: Notice;
  asking: Notice;
  askingSteps: readonly [string, string, string];
  failed: string;
  failedWhy: Record<
    | 'declined'
    | 'declinedUpi'
    | 'insufficient_funds'
    | 'insufficientUpi'
    | 'notConfirmed'
    | 'confirmedTooLate'
    | 'upiTooLate'
    | 'unreachable'
    | 'neverReceived'
    | 'noWord'
    | 'closedByHand'
    | 'notSettled',
    string
  >;
  otherRuns: Notice;
  seeOther: string;
  anotherCard: string;
  anotherWay: string;
  noMoreTries: string;
  tryAgain: string;
  fields: Record<CardErrorCode, string>;
  refusals: Record<OutcomeCode, Notice>;
}

const EN_BUSY: Notice = {
  title: 'Please try again in a moment',
  detail: 'Your payment was not started and nothing was charged.',
};
const EN_UNREADABLE: Notice = {
  title: 'That did not arrive as it should',
  detail: 'Nothing was charged. Go back to the payment page and send the form again.',
};
const EN_CLOSED: Notice = {
  title: 'This payment can no longer be made',
  detail: 'Nothing was charged now. Go back to the shop and start again.',
};

const en: Messages = {
  payTitle: 'Pay {merchant}',
  order: 'Order',
  cardDetails: 'Card details',
  cardNumber: 'Card number',
  expiry: 'Expiry date',
  month: 'Month',
  year: 'Year',
  cvv: 'Security code',
  cvvHint: '3 digits on the back',
  cvvHintAmex: '4 digits on the front',
  name: 'Name on card',
  upi: 'UPI',
  payByUpi: 'Pay {amount} by UPI',
  upiHint: 'Opens your UPI app, or shows a QR code to scan with your phone.',
  or: 'or pay by card',
  pay: 'Pay {amount}',
  paying: 'Sending your payment…',
  cancel: 'Cancel and return to {merchant}',
  backToShop: 'Return to the shop',
  secure: 'The shop never sees your card. The security code is not stored.',
  payWithin: 'Please pay by {time} UTC',
  timeLeft: 'Time left to pay',
  minutesLeft: '{minutes} minutes left to pay.',
  lastMinute: 'Less than one minute left. A payment sent in time still counts.',
  timeOver: 'The time to pay is over.',
  nothingCharged: 'Nothing was charged.',
  checkFields: 'Please check these fields:',
  testMode: 'Test mode',
  testLead: 'No money moves. Pay with one of these cards.',
  testFill: 'Use card {card}: {outcome}',
  testAny: 'Any future date and any code will do.',
  testUpi: 'With UPI you decide how it ends on the bank’s own test page.',
  testRazorpay: 'Any one-time password of 4 to 10 digits is right.',
  testPayu:
    'The first card wants 05/30 and code 123, American Express 03/30 and 1234. The one-time password is 123456.',
  testOutcomes: {
    paid: 'Paid',
    debit: 'Paid, debit card',
    confirm: 'Paid after 3-D Secure',
    declined: 'Declined',
    declinedAfter: 'Declined: choose Failure at the bank',
    declinedConfirmed: 'Declined after 3-D Secure',
    noFunds: 'Insufficient funds',
    noFundsAfter: 'Insufficient funds: choose Failure at the bank',
    later: 'Paid a little later',
    silent: 'The bank stays silent',
  },
  skip: 'Skip to the card form',
  card: 'Card',
  endingIn: 'ending in {last4}',
  method: 'Payment method',
  amount: 'Amount',
  payee: 'Payee',
  bankPage: 'Bank’s page',
  upiPage: 'UPI page',
  reference: 'Reference',
  expired: {
    title: 'This payment page has expired',
    detail:
      'No payment can be started here any more. If you have not paid yet, return to the shop and begin again.',
  },
  noPayment: {
    title: 'No such payment',
    detail: 'This link does not name a payment. Check that it is complete.',
  },
  cannotLook: {
    title: 'We cannot look this up right now',
    detail:
      'This does not tell whether anything was paid. If you have sent a payment, do not send another: open this page again in a moment.',
  },
  paid: { title: 'Payment complete', detail: 'You paid {amount} to {merchant}.' },
  paidByOther: {
    title: 'This order is paid',
    detail:
      'This attempt did not go through, but another one did. {amount} was paid to {merchant}; there is nothing left to pay.',
  },
  goingOn: 'Taking you back to the shop…',
  continueNow: 'Continue to the shop',
  confirm: {
    title: 'Your bank asks you to confirm',
    detail: 'Your card’s bank wants to be sure that it is you. Confirm on its page; you then come back here.',
  },
  confirmWaits: {
    title: 'Waiting for your confirmation',
    detail:
      'Your bank has not told us yet that you confirmed. If you have, there is nothing more to do: this page changes by itself. If not, its page is still open to you.',
  },
  toBank: 'Go to the bank’s page',
  goingToBank: 'Taking you to your bank…',
  upiOnPage: {
    title: 'Approve it on the UPI page',
    detail:
      'That page opens beside this one, and opens your UPI app or shows a code to scan. Nothing is paid until you approve {amount} in the app. This page then changes by itself.',
  },
  upiOnPageWaits: {
    title: 'Waiting for your approval',
    detail:
      'We have not heard yet that you approved {amount} in your UPI app. If you have, there is nothing more to do: this page changes by itself. If not, the UPI page is still open to you.',
  },
  toUpiPage: 'Open the UPI page',
  goingToUpiPage: 'Taking you to the UPI page…',
  otp: {
    title: 'Enter the OTP from your bank',
    detail:
      'Your bank has sent a one-time password to your phone. Nothing is paid until you enter it here to pay {amount} to {merchant}.',
  },
  otpLabel: 'One-time password',
  otpHint: '4 to 10 digits, in the message from your bank',
  otpSend: 'Confirm {amount}',
  otpSending: 'Asking your bank…',
  otpResend: 'Send me a new password',
  otpAgain: 'Enter a password again',
  otpNotes: {
    shape: 'Enter the 4 to 10 digits of the one-time password.',
    wrong: 'Your bank did not accept this password. Nothing was charged. Check it and enter it again.',
    resent: 'Your bank is sending you a new password.',
    'not-resent': 'Your bank did not send a new password. Use the one you have, or ask again in a moment.',
  },
  otpTooOften: { title: 'Too many tries', detail: 'Please wait a minute, then go back to the payment.' },
  backToPayment: 'Back to the payment',
  upiAction: {
    title: 'Approve it in your UPI app',
    detail: 'Nothing is paid until you approve {amount} there. This page then changes by itself.',
  },
  openUpi: 'Open UPI app',
  scan: 'Scan with any UPI app',
  qrCode: 'QR code for a UPI payment of {amount} to {payee}',
  simulator: 'Test mode: decide on the bank’s UPI page (opens a new tab)',
  waiting: {
    title: 'Confirming with your bank',
    detail: 'This usually takes a few seconds. There is no need to pay again.',
  },
  asking: {
    title: 'We are asking your bank',
    detail: 'Your bank has not told us yet whether the payment of {amount} went through.',
  },
  askingSteps: [
    'You do not need to pay again. This order cannot be charged twice.',
    'We keep asking. This page changes as soon as we know.',
    'You can close this page and open it again by its link, even days later.',
  ],
  failed: 'Payment not completed',
  failedWhy: {
    declined: 'Your bank declined the card. Nothing was charged.',
    declinedUpi: 'The UPI payment was declined. Nothing was charged.',
    insufficient_funds: 'The card does not have enough funds. Nothing was charged.',
    insufficientUpi: 'The account does not have enough funds. Nothing was charged.',
    notConfirmed: 'The payment was not confirmed with your bank. Nothing was charged.',
    confirmedTooLate: 'The time to confirm with your bank ran out. Nothing was charged.',
    upiTooLate: 'The time to approve in your UPI app ran out. Nothing was charged.',
    unreachable: 'Your bank could not be reached. Nothing was charged.',
    neverReceived:
      'Your bank says it never received this payment. Should it be charged after all, the shop is told at once.',
    noWord:
      'Your bank did not say in time that it made this payment. Should it be charged after all, the shop is told at once.',
    closedByHand:
      'This payment was looked into and closed as not charged. Should it be charged after all, the shop is told at once.',
    notSettled:
      'Your bank did not settle this payment, so it does not count as paid. Should it be charged after all, the shop is told at once.',
  },
  otherRuns: {
    title: 'Another payment is on its way',
    detail: 'This attempt was not charged. A later attempt for the same order is being confirmed.',
  },
  seeOther: 'See that payment',
  anotherCard: 'Try another card',
  anotherWay: 'Try another way to pay',
  noMoreTries: 'To try again, return to the shop and start a new payment.',
  tryAgain: 'Try again',
  fields: {
    card_number_not_digits: 'Enter the card number, using digits only.',
    card_number_length: 'The card number is too short or too long.',
    card_number_check_digit: 'The card number has a mistyped digit.',
    expiry_month_invalid: 'Enter the month as a number from 1 to 12.',
    expiry_year_invalid: 'Enter the year, such as 2030 or 30.',
    expiry_too_far: 'The year is too far ahead.',
    card_expired: 'This card has expired.',
    cvv_invalid: 'Enter the security code: 3 digits, or 4 on American Express.',
    name_missing: 'Enter the name on the card.',
    name_too_long: 'The name may have at most 100 characters.',
    name_holds_number: 'Enter the name here, not the card number.',
    name_invalid: 'The name has a character that cannot be sent.',
  },
  refusals: {
    not_found: { title: 'There is nothing here', detail: 'This address names no page.' },
    method_not_allowed: EN_UNREADABLE,
    headers_too_large: EN_UNREADABLE,
    body_too_large: EN_UNREADABLE,
    body_timeout: EN_UNREADABLE,
    unsupported_media_type: EN_UNREADABLE,
    unauthorized: EN_UNREADABLE,
    wrong_mode: EN_UNREADABLE,
    origin_refused: {
      title: 'Please pay on the payment page',
      detail: 'The form came from another site. Nothing was charged.',
    },
    malformed_json: EN_UNREADABLE,
    malformed_form: EN_UNREADABLE,
    invalid_request: EN_UNREADABLE,
    invalid_idempotency_key: EN_UNREADABLE,
    merchant_mismatch: EN_UNREADABLE,
    webhook_endpoint_not_found: EN_UNREADABLE,
    webhook_endpoint_limit: EN_UNREADABLE,
    settlement_break_not_open: EN_UNREADABLE,
    settlement_break_not_postable: EN_UNREADABLE,
    delivery_not_found: EN_UNREADABLE,
    rate_limited: {
      title: 'Too many tries',
      detail: 'Nothing was charged. Please wait a minute, then try again.',
    },
    session_expired: {
      title: 'This payment page has expired',
      detail: 'This payment was not started. Return to the shop and begin again.',
    },
    card_invalid: { title: 'Please check the card', detail: 'Nothing was charged.' },
    processor_not_configured: {
      title: 'The shop cannot take this payment yet',
      detail: 'Nothing was charged. Please tell the shop.',
    },
    idempotency_key_reused: EN_UNREADABLE,
    idempotency_key_in_flight: EN_BUSY,
    payment_not_found: {
      title: 'No such payment',
      detail: 'This link does not name a payment. Check that it is complete.',
    },
    amount_mismatch: {
      title: 'The amount does not match the order',
      detail: 'Nothing was charged. Return to the shop and begin again.',
    },
    intent_already_paid: { title: 'This order is paid', detail: 'There is nothing left to pay.' },
    payment_in_progress: {
      title: 'Your payment is being confirmed',
      detail: 'There is no need to pay again.',
    },
    intent_closed: EN_CLOSED,
    intent_expired: EN_CLOSED,
    card_vault_unavailable: EN_BUSY,
    session_store_unavailable: EN_BUSY,
    storage_unavailable: EN_BUSY,
    overloaded: EN_BUSY,
    deadline_passed: EN_BUSY,
    shard_unavailable: EN_BUSY,
    shard_moved: EN_BUSY,
    thread_died: EN_BUSY,
    shutting_down: EN_BUSY,
    internal_error: EN_BUSY,
  },
};

const HI_BUSY: Notice = {
  title: 'कृपया थोड़ी देर में फिर कोशिश करें',
  detail: 'आपका भुगतान शुरू नहीं हुआ और कोई राशि नहीं काटी गई।',
};
const HI_UNREADABLE: Notice = {
  title: 'जानकारी ठीक से नहीं पहुँची',
  detail: 'कोई राशि नहीं काटी गई। भुगतान पेज पर वापस जाकर फ़ॉर्म दोबारा भेजें।',
};
const HI_CLOSED: Notice = {
  title: 'यह भुगतान अब नहीं किया जा सकता',
  detail: 'अभी कोई राशि नहीं काटी गई। दुकान पर वापस जाकर फिर से शुरू करें।',
};

const hi: Messages = {
  payTitle: '{merchant} को भुगतान करें',
  order: 'ऑर्डर',
  cardDetails: 'कार्ड की जानकारी',
  cardNumber: 'कार्ड नंबर',
  expiry: 'समाप्ति तिथि',
  month: 'महीना',
  year: 'वर्ष',
  cvv: 'सुरक्षा कोड',
  cvvHint: 'कार्ड के पीछे के 3 अंक',
  cvvHintAmex: 'कार्ड के सामने के 4 अंक',
  name: 'कार्ड पर नाम',
  upi: 'UPI',
  payByUpi: 'UPI से {amount} का भुगतान करें',
  upiHint: 'आपका UPI ऐप खुलेगा, या फ़ोन से स्कैन करने के लिए QR कोड दिखेगा।',
  or: 'या कार्ड से भुगतान करें',
  pay: '{amount} का भुगतान करें',
  paying: 'आपका भुगतान भेजा जा रहा है…',
  cancel: 'रद्द करें और {merchant} पर वापस जाएँ',
  backToShop: 'दुकान पर वापस जाएँ',
  secure: 'दुकान आपका कार्ड कभी नहीं देखती। सुरक्षा कोड सहेजा नहीं जाता।',
  payWithin: 'कृपया {time} UTC तक भुगतान करें',
  timeLeft: 'भुगतान के लिए बचा समय',
  minutesLeft: 'भुगतान के लिए {minutes} मिनट बचे हैं।',
  lastMinute: 'एक मिनट से भी कम समय बचा है। समय पर भेजा गया भुगतान मान्य रहेगा।',
  timeOver: 'भुगतान का समय समाप्त हो गया है।',
  nothingCharged: 'कोई राशि नहीं काटी गई।',
  checkFields: 'कृपया ये जानकारी जाँचें:',
  testMode: 'परीक्षण मोड',
  testLead: 'कोई असली पैसा नहीं कटेगा। इनमें से किसी कार्ड से भुगतान करें।',
  testFill: 'कार्ड {card} भरें: {outcome}',
  testAny: 'भविष्य की कोई भी तिथि और कोई भी कोड चलेगा।',
  testUpi: 'UPI में बैंक के परीक्षण पेज पर आप ख़ुद तय करते हैं कि भुगतान कैसे ख़त्म हो।',
  testRazorpay: '4 से 10 अंकों का कोई भी एक बार का पासवर्ड चलेगा।',
  testPayu:
    'पहले कार्ड के लिए 05/30 और कोड 123, American Express के लिए 03/30 और 1234। एक बार का पासवर्ड 123456 है।',
  testOutcomes: {
    paid: 'भुगतान सफल',
    debit: 'भुगतान सफल, डेबिट कार्ड',
    confirm: '3-D Secure के बाद सफल',
    declined: 'अस्वीकृत',
    declinedAfter: 'अस्वीकृत: बैंक के पेज पर Failure चुनें',
    declinedConfirmed: '3-D Secure के बाद अस्वीकृत',
    noFunds: 'पर्याप्त राशि नहीं',
    noFundsAfter: 'पर्याप्त राशि नहीं: बैंक के पेज पर Failure चुनें',
    later: 'थोड़ी देर बाद सफल',
    silent: 'बैंक जवाब नहीं देता',
  },
  skip: 'सीधे कार्ड फ़ॉर्म पर जाएँ',
  card: 'कार्ड',
  endingIn: 'अंतिम अंक {last4}',
  method: 'भुगतान का तरीक़ा',
  amount: 'राशि',
  payee: 'पाने वाला',
  bankPage: 'बैंक का पेज',
  upiPage: 'UPI पेज',
  reference: 'संदर्भ',
  expired: {
    title: 'इस भुगतान पेज का समय समाप्त हो गया',
    detail:
      'यहाँ अब कोई भुगतान शुरू नहीं हो सकता। अगर आपने अभी तक भुगतान नहीं किया है, तो दुकान पर वापस जाकर फिर से शुरू करें।',
  },
  noPayment: { title: 'ऐसा कोई भुगतान नहीं है', detail: 'इस लिंक से कोई भुगतान नहीं मिला। देख लें कि लिंक पूरा है।' },
  cannotLook: {
    title: 'अभी यह जानकारी नहीं मिल पा रही है',
    detail:
      'इससे यह पता नहीं चलता कि भुगतान हुआ या नहीं। अगर आपने भुगतान भेज दिया है, तो दोबारा न भेजें: थोड़ी देर में यह पेज फिर खोलें।',
  },
  paid: { title: 'भुगतान पूरा हुआ', detail: 'आपने {merchant} को {amount} का भुगतान किया।' },
  paidByOther: {
    title: 'इस ऑर्डर का भुगतान हो चुका है',
    detail: 'यह कोशिश सफल नहीं हुई, पर दूसरी सफल रही। {merchant} को {amount} मिल चुके हैं; अब कुछ भी देना बाकी नहीं है।',
  },
  goingOn: 'आपको दुकान पर वापस ले जाया जा रहा है…',
  continueNow: 'दुकान पर जाएँ',
  confirm: {
    title: 'आपका बैंक पुष्टि चाहता है',
    detail: 'आपका बैंक पक्का करना चाहता है कि यह भुगतान आप ही कर रहे हैं। उसके पेज पर पुष्टि करें; फिर आप यहीं लौट आएँगे।',
  },
  confirmWaits: {
    title: 'आपकी पुष्टि का इंतज़ार है',
    detail:
      'आपके बैंक ने अभी तक नहीं बताया है कि आपने पुष्टि कर दी। अगर कर दी है, तो कुछ और नहीं करना है: यह पेज अपने आप बदल जाएगा। अगर नहीं, तो बैंक का पेज अब भी खुला है।',
  },
  toBank: 'बैंक के पेज पर जाएँ',
  goingToBank: 'आपको बैंक के पेज पर ले जाया जा रहा है…',
  upiOnPage: {
    title: 'UPI पेज पर मंज़ूरी दें',
    detail:
      'वह पेज नए टैब में खुलेगा और आपका UPI ऐप खोलेगा या स्कैन करने के लिए कोड दिखाएगा। जब तक आप ऐप में {amount} की मंज़ूरी नहीं देते, कोई राशि नहीं कटती। इसके बाद यह पेज अपने आप बदल जाएगा।',
  },
  upiOnPageWaits: {
    title: 'आपकी मंज़ूरी का इंतज़ार है',
    detail:
      'हमें अभी तक पता नहीं चला है कि आपने अपने UPI ऐप में {amount} की मंज़ूरी दे दी। अगर दे दी है, तो कुछ और नहीं करना है: यह पेज अपने आप बदल जाएगा। अगर नहीं, तो UPI पेज अब भी खुला है।',
  },
  toUpiPage: 'UPI पेज खोलें',
  goingToUpiPage: 'आपको UPI पेज पर ले जाया जा रहा है…',
  otp: {
    title: 'बैंक से आया OTP लिखें',
    detail:
      'आपके बैंक ने आपके फ़ोन पर एक बार का पासवर्ड भेजा है। {merchant} को {amount} का भुगतान तभी होगा जब आप इसे यहाँ लिखेंगे।',
  },
  otpLabel: 'एक बार का पासवर्ड (OTP)',
  otpHint: 'बैंक के संदेश में आए 4 से 10 अंक',
  otpSend: '{amount} की पुष्टि करें',
  otpSending: 'आपके बैंक से पूछा जा रहा है…',
  otpResend: 'नया पासवर्ड भेजें',
  otpAgain: 'पासवर्ड फिर से लिखें',
  otpNotes: {
    shape: 'एक बार के पासवर्ड के 4 से 10 अंक लिखें।',
    wrong: 'आपके बैंक ने यह पासवर्ड स्वीकार नहीं किया। कोई राशि नहीं काटी गई। जाँच कर फिर से लिखें।',
    resent: 'आपका बैंक आपको नया पासवर्ड भेज रहा है।',
    'not-resent': 'आपके बैंक ने नया पासवर्ड नहीं भेजा। पहले वाला इस्तेमाल करें, या थोड़ी देर में फिर माँगें।',
  },
  otpTooOften: { title: 'बहुत बार कोशिश हुई', detail: 'कृपया एक मिनट रुकें, फिर भुगतान पर वापस जाएँ।' },
  backToPayment: 'भुगतान पर वापस जाएँ',
  upiAction: {
    title: 'अपने UPI ऐप में मंज़ूरी दें',
    detail: 'जब तक आप वहाँ {amount} की मंज़ूरी नहीं देते, कोई राशि नहीं कटती। उसके बाद यह पेज अपने आप बदल जाएगा।',
  },
  openUpi: 'UPI ऐप खोलें',
  scan: 'किसी भी UPI ऐप से स्कैन करें',
  qrCode: '{payee} को {amount} के UPI भुगतान का QR कोड',
  simulator: 'परीक्षण मोड: बैंक के UPI पेज पर तय करें (नए टैब में खुलेगा)',
  waiting: {
    title: 'आपके बैंक से पुष्टि की जा रही है',
    detail: 'इसमें आमतौर पर कुछ सेकंड लगते हैं। दोबारा भुगतान करने की ज़रूरत नहीं है।',
  },
  asking: {
    title: 'हम आपके बैंक से पूछ रहे हैं',
    detail: 'आपके बैंक ने अभी तक नहीं बताया है कि {amount} का भुगतान हुआ या नहीं।',
  },
  askingSteps: [
    'दोबारा भुगतान करने की ज़रूरत नहीं है। इस ऑर्डर के लिए दो बार राशि नहीं कट सकती।',
    'हम पूछते रहेंगे। जानकारी मिलते ही यह पेज बदल जाएगा।',
    'आप यह पेज बंद कर सकते हैं और इसी लिंक से कई दिन बाद भी खोल सकते हैं।',
  ],
  failed: 'भुगतान पूरा नहीं हुआ',
  failedWhy: {
    declined: 'आपके बैंक ने कार्ड स्वीकार नहीं किया। कोई राशि नहीं काटी गई।',
    declinedUpi: 'UPI भुगतान अस्वीकार हुआ। कोई राशि नहीं काटी गई।',
    insufficient_funds: 'कार्ड में पर्याप्त राशि नहीं है। कोई राशि नहीं काटी गई।',
    insufficientUpi: 'खाते में पर्याप्त राशि नहीं है। कोई राशि नहीं काटी गई।',
    notConfirmed: 'बैंक में भुगतान की पुष्टि नहीं हुई। कोई राशि नहीं काटी गई।',
    confirmedTooLate: 'बैंक में पुष्टि करने का समय समाप्त हो गया। कोई राशि नहीं काटी गई।',
    upiTooLate: 'UPI ऐप में मंज़ूरी देने का समय समाप्त हो गया। कोई राशि नहीं काटी गई।',
    unreachable: 'आपके बैंक से संपर्क नहीं हो सका। कोई राशि नहीं काटी गई।',
    neverReceived: 'आपके बैंक को यह भुगतान मिला ही नहीं। अगर बाद में राशि कट जाए, तो दुकान को तुरंत सूचना मिलेगी।',
    noWord: 'आपके बैंक ने समय पर नहीं बताया कि भुगतान हुआ। अगर बाद में राशि कट जाए, तो दुकान को तुरंत सूचना मिलेगी।',
    closedByHand:
      'जाँच के बाद यह भुगतान बिना राशि कटे बंद किया गया। अगर बाद में राशि कट जाए, तो दुकान को तुरंत सूचना मिलेगी।',
    notSettled:
      'आपके बैंक ने इस भुगतान का निपटान नहीं किया, इसलिए यह चुकाया हुआ नहीं माना गया। अगर बाद में राशि कट जाए, तो दुकान को तुरंत सूचना मिलेगी।',
  },
  otherRuns: {
    title: 'दूसरा भुगतान चल रहा है',
    detail: 'इस कोशिश में कोई राशि नहीं काटी गई। इसी ऑर्डर के बाद के भुगतान की पुष्टि हो रही है।',
  },
  seeOther: 'वह भुगतान देखें',
  anotherCard: 'दूसरे कार्ड से कोशिश करें',
  anotherWay: 'दूसरे तरीक़े से भुगतान करें',
  noMoreTries: 'फिर कोशिश करने के लिए दुकान पर वापस जाकर नया भुगतान शुरू करें।',
  tryAgain: 'फिर कोशिश करें',
  fields: {
    card_number_not_digits: 'कार्ड नंबर केवल अंकों में लिखें।',
    card_number_length: 'कार्ड नंबर बहुत छोटा या बहुत लंबा है।',
    card_number_check_digit: 'कार्ड नंबर का कोई अंक ग़लत है।',
    expiry_month_invalid: 'महीना 1 से 12 के बीच की संख्या में लिखें।',
    expiry_year_invalid: 'वर्ष लिखें, जैसे 2030 या 30।',
    expiry_too_far: 'यह वर्ष बहुत आगे का है।',
    card_expired: 'इस कार्ड की अवधि समाप्त हो चुकी है।',
    cvv_invalid: 'सुरक्षा कोड लिखें: 3 अंक, या American Express पर 4 अंक।',
    name_missing: 'कार्ड पर लिखा नाम भरें।',
    name_too_long: 'नाम में ज़्यादा से ज़्यादा 100 अक्षर हो सकते हैं।',
    name_holds_number: 'यहाँ कार्ड नंबर नहीं, नाम लिखें।',
    name_invalid: 'नाम में ऐसा अक्षर है जिसे भेजा नहीं जा सकता।',
  },
  refusals: {
    not_found: { title: 'यहाँ कुछ नहीं है', detail: 'इस पते पर कोई पेज नहीं है।' },
    method_not_allowed: HI_UNREADABLE,
    headers_too_large: HI_UNREADABLE,
    body_too_large: HI_UNREADABLE,
    body_timeout: HI_UNREADABLE,
    unsupported_media_type: HI_UNREADABLE,
    unauthorized: HI_UNREADABLE,
    wrong_mode: HI_UNREADABLE,
    origin_refused: {
      title: 'कृपया भुगतान पेज पर ही भुगतान करें',
      detail: 'फ़ॉर्म किसी दूसरी साइट से आया। कोई राशि नहीं काटी गई।',
    },
    malformed_json: HI_UNREADABLE,
    malformed_form: HI_UNREADABLE,
    invalid_request: HI_UNREADABLE,
    invalid_idempotency_key: HI_UNREADABLE,
    merchant_mismatch: HI_UNREADABLE,
    webhook_endpoint_not_found: HI_UNREADABLE,
    webhook_endpoint_limit: HI_UNREADABLE,
    settlement_break_not_open: HI_UNREADABLE,
    settlement_break_not_postable: HI_UNREADABLE,
    delivery_not_found: HI_UNREADABLE,
    rate_limited: {
      title: 'बहुत बार कोशिश की गई',
      detail: 'कोई राशि नहीं काटी गई। कृपया एक मिनट रुककर फिर कोशिश करें।',
    },
    session_expired: {
      title: 'इस भुगतान पेज का समय समाप्त हो गया',
      detail: 'यह भुगतान शुरू नहीं हुआ। दुकान पर वापस जाकर फिर से शुरू करें।',
    },
    card_invalid: { title: 'कृपया कार्ड की जानकारी जाँचें', detail: 'कोई राशि नहीं काटी गई।' },
    processor_not_configured: {
      title: 'यह दुकान अभी यह भुगतान नहीं ले सकती',
      detail: 'कोई राशि नहीं काटी गई। कृपया दुकान को बताएँ।',
    },
    idempotency_key_reused: HI_UNREADABLE,
    idempotency_key_in_flight: HI_BUSY,
    payment_not_found: {
      title: 'ऐसा कोई भुगतान नहीं है',
      detail: 'इस लिंक से कोई भुगतान नहीं मिला। देख लें कि लिंक पूरा है।',
    },
    amount_mismatch: {
      title: 'राशि ऑर्डर से मेल नहीं खाती',
      detail: 'कोई राशि नहीं काटी गई। दुकान पर वापस जाकर फिर से शुरू करें।',
    },
    intent_already_paid: { title: 'इस ऑर्डर का भुगतान हो चुका है', detail: 'अब कुछ भी देना बाकी नहीं है।' },
    payment_in_progress: {
      title: 'आपके भुगतान की पुष्टि हो रही है',
      detail: 'दोबारा भुगतान करने की ज़रूरत नहीं है।',
    },
    intent_closed: HI_CLOSED,
    intent_expired: HI_CLOSED,
    card_vault_unavailable: HI_BUSY,
    session_store_unavailable: HI_BUSY,
    storage_unavailable: HI_BUSY,
    overloaded: HI_BUSY,
    deadline_passed: HI_BUSY,
    shard_unavailable: HI_BUSY,
    shard_moved: HI_BUSY,
    thread_died: HI_BUSY,
    shutting_down: HI_BUSY,
    internal_error: HI_BUSY,
  },
};

/** The one table. */
export const MESSAGES: Readonly<Record<Language, Messages>> = { en, hi };

/** Puts values in the place of their names. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
