/** Frames that an author of another program can compare its own bytes with. docs/protocol.md shows the same. */
import { type CimFrameFields, cimFrame } from '@cim/testkit/raw';
import { type BodyName, type Fields, ownFrame } from './own/frames.ts';

export interface Golden {
  readonly wire: string;
  readonly about: string;
  readonly bytes: Buffer;
}

const properties = { sendUserId: '1001', sendUserName: 'alice', receiveUserId: '1002' };
const cim: readonly [string, CimFrameFields][] = [
  ['login of user 1001, `alice`', { id: 1001, text: 'alice' }],
  ['ping', { cmd: 2, text: 'ping' }],
  ['pong', { cmd: 2, text: 'pong' }],
  ['push of `hi` from 1001, `alice`, to 1002', { cmd: 1, id: 1002, text: 'hi', properties }],
  ['stored texts `a` and `b` for 1002', { cmd: 3, id: 1002, batch: ['a', 'b'], properties }],
];

const producer = 'AAAAAAAAAAAAAAAA';
const goaway = { reason: 3, text: 'the server is going away', reconnect: true, afterMs: 500 };
const lobbyAt3 = { group: 'lobby', seq: 3, id: `1001:${producer}:1` };
const own: readonly [string, BodyName, Fields][] = [
  ['login, user 1001, ticket `T`, agent `x/1`', 'login', { userId: 1001, ticket: 'T', agent: 'x/1' }],
  ['send of `hi` to 1002, counter 1', 'send', { to: 1002, producer, counter: 1, content: { texts: ['hi'] } }],
  ['its receipt, stored at seq 7', 'receipt', { to: 1002, producer, counter: 1, seq: 7 }],
  ['ack of the inbox up to 7', 'ack', { seq: 7 }],
  ['ping', 'ping', {}],
  ['resume: inbox without a cursor, lobby at 3', 'resume', { cursors: [{}, lobbyAt3] }],
  ['delivered: the inbox of 1002 is acked up to 7', 'delivered', { to: 1002, seq: 7 }],
  [
    'counters: 5 was the last stored in the lobby',
    'counters',
    { counters: [{ group: 'lobby', producer, counter: 5 }] },
  ],
  ['find: which of these sends does the inbox of 1002 hold?', 'find', { to: 1002, producer }],
  ['found: those up to 5, nothing was trimmed', 'found', { to: 1002, producer, last: 5 }],
  ['goaway: draining, back after 500 ms', 'goaway', goaway],
];

/** In the order of the document. A test compares them with the document, another one with protobufjs. */
export const GOLDEN: readonly Golden[] = [
  ...cim.map(([about, frame]) => ({ wire: 'cim', about, bytes: cimFrame(frame) })),
  ...own.map(([about, body, fields]) => ({ wire: 'own', about, bytes: ownFrame(body, fields) })),
];

/** As docs/protocol.md shows bytes. */
export const hexOf = (bytes: Buffer): string => (bytes.toString('hex').match(/../g) ?? []).join(' ');
