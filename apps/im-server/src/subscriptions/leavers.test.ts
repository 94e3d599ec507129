import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cim,
  copyProducer,
  type GroupId,
  LOBBY,
  type MessageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import type { Entry } from '@cim/store';
import { leaversBy } from './leavers.ts';
import { forLevel0 } from './level0.ts';
import { SharedPiece } from './shared-piece.ts';

const entryOf = (content: cim.Content.$Properties, producer = 'A'.repeat(16)): Entry => ({
  seq: 1 as Seq,
  n: 0,
  prev: '' as MessageId,
  storedAt: 1,
  sender: { userId: 7 as UserId, userName: 'seven' },
  producer: producer as ProducerId,
  counter: 1,
  content: cim.Content.encode(content).finish(),
});
const change = (body: object): Entry => entryOf({ type: 'member', body: Buffer.from(JSON.stringify(body)) });

test('a leave ends the membership of its sender, a removal that of the named users, and a disband that of all', () => {
  assert.deepEqual(leaversBy(change({ op: 'leave' })), [7]);
  assert.deepEqual(leaversBy(change({ op: 'remove', users: [{ id: '8', name: 'eight' }] })), [8]);
  assert.deepEqual(leaversBy(change({ op: 'remove', users: [{ id: '8' }] })), [8]);
  assert.deepEqual(leaversBy(change({ op: 'leave', users: [] })), [7]);
  assert.equal(leaversBy(change({ op: 'disband' })), 'all');
  for (const op of ['add', 'join', 'role', 'mute', 'change', 'transfer', 'create'])
    assert.equal(leaversBy(change({ op, users: [{ id: '8' }] })), undefined, op);
  assert.equal(leaversBy(entryOf({ texts: ['{"op":"disband"}'] })), undefined);
  assert.equal(leaversBy(entryOf({ type: 'member2', body: Buffer.from('{"op":"disband"}') })), undefined);
  assert.equal(leaversBy(entryOf({ type: 'member', body: Buffer.from('{') })), undefined);
});

test('no entry ends a membership of the lobby', () => {
  assert.equal(new SharedPiece(LOBBY, change({ op: 'disband' })).leavers, undefined);
  assert.equal(new SharedPiece('17' as GroupId, change({ op: 'disband' })).leavers, 'all');
});

test('a client of level 0 gets texts unchanged, and other types as an entry without content', () => {
  const unknown = Buffer.from([7]);
  const cases: [string, Entry, boolean][] = [
    ['a text', entryOf({ texts: ['hi'] }), true],
    ['a reply', entryOf({ texts: ['hi'], ref: '1:x:1' }), true],
    ['another type', entryOf({ type: 'json', body: Buffer.from('{}') }), false],
    ['a recall', entryOf({ type: 'recall', ref: '1:x:1' }), false],
    [
      'an own copy',
      entryOf({ texts: ['hi'] }, copyProducer('A'.repeat(16) as ProducerId, 8 as UserId)),
      false,
    ],
  ];
  for (const [what, entry, same] of cases) {
    const { content, ...rest } = forLevel0(entry);
    assert.deepEqual(Buffer.from(content), same ? Buffer.from(entry.content) : unknown, what);
    assert.equal(rest.seq, entry.seq);
    const shared = new SharedPiece(LOBBY, entry);
    assert.equal(shared.ownLevel0 === shared.own, same, what);
  }
});
