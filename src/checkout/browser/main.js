/**
 * Main: what a checkout page does in the browser. Each part looks whether the page has anything for it.
 *
 * @module
 */

import { helpForm } from './card-form.js';
import { helpPassword } from './one-time-password.js';
import { followPayment } from './result.js';
import { countDown } from './time-left.js';

helpForm();
helpPassword();
countDown();
followPayment();
