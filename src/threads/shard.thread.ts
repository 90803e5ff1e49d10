/**
 * Shard thread: its lanes, for whoever asks.
 *
 * @module
 */

import { answerAsks, enterGatewayThread } from './gateway.ts';
import { openLanes } from './lanes.ts';

const guest = enterGatewayThread();
const lanes = openLanes(guest, guest.index);
answerAsks(guest, lanes);
guest.onHeartbeat(() => ({ waiting: lanes.waiting() }));
guest.onDrain(() => lanes.close());
guest.ready();
