/**
 * Name server: answers questions over UDP on loopback as a test tells it, also with lies, late, or not at all.
 *
 * @module
 */

import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** What is said to a question: addresses of the asked family (none: the name has no such), no such name, or silence. */
export type NameAnswer = readonly string[] | 'no such name' | 'silence';

export interface NameServer {
  /** As `Resolver.setServers` wants it. */
  address: string;
  /** What was asked, in order: `A shop.example`. */
  questions: string[];
  /** Sets what is said from now on, to `A` or `AAAA` of a name. */
  answer(say: (kind: 'A' | 'AAAA', name: string) => NameAnswer | Promise<NameAnswer>): void;
  close(): Promise<void>;
}

const HEADER_BYTES = 12;
const TYPE_A = 1;
/** Of the header: an answer, recursion available; and the code of "no such name". */
const ANSWERED = 0x8180;
const NXDOMAIN = 3;

/** Listens on a free port. Until it is told otherwise there is no such name. */
export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  let say: Parameters<NameServer['answer']>[0] = () => 'no such name';
  let open = true;

  socket.on('message', (query, from) => {
    const { name, end } = readName(query);
    const kind = query.readUInt16BE(end) === TYPE_A ? 'A' : 'AAAA';
    questions.push(`${kind} ${name}`);
    void Promise.resolve(say(kind, name)).then((said) => {
      if (said === 'silence' || !open) return;
      socket.send(reply(query.subarray(0, end + 4), said), from.port, from.address);
    });
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    answer(next) {
      say = next;
    },
    async close() {
      open = false;
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

/** The name of the one question, and where its type begins. */
function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  // Some resolvers mix cases, to be told from forgers.
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** Header and question as they came, and a record without lifetime for each address. */
function reply(question: Buffer, said: readonly string[] | 'no such name'): Buffer {
  const addresses = said === 'no such name' ? [] : said;
  const head = Buffer.from(question);
  head.writeUInt16BE(said === 'no such name' ? ANSWERED | NXDOMAIN : ANSWERED, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...addresses.map((address) => record(question, bytesOf(address)))]);
}

function record(question: Buffer, address: Buffer): Buffer {
  const type = question.subarray(question.length - 4);
  const lengths = Buffer.from([0, 0, 0, 0, 0, address.length]);
  // The name: "as at the beginning of the question".
  return Buffer.concat([Buffer.from([0xc0, HEADER_BYTES]), type, lengths, address]);
}

/** IPv6 in full: eight groups. */
function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  return Buffer.from(
    address
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
    'hex',
  );
}
