import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError, CODES, type GroupId, LOBBY, streamName, type UserId } from '@cim/protocol';
import type { Conversations, ConversationRef, Groups } from '@cim/store';
import { ReadMarks } from './read-marks.ts';
import type { Signal } from './signal.ts';

const alice = { userId: 1_001 as UserId, userName: 'alice' };
const BOB = 1_002 as UserId;
const [SMALL, LARGE] = ['17' as GroupId, '18' as GroupId];

function marking(moved: boolean | CimError) {
  const told: string[] = [];
  const words = (signal: Signal): string =>
    signal.kind === 'read' ? `${signal.sender.userName} read ${streamName(signal.to)} up to ${signal.n}` : '';
  const conversations: Pick<Conversations, 'read'> = {
    read: (_user, _of, n) =>
      moved instanceof CimError ? Promise.reject(moved) : Promise.resolve({ unread: 2, read: n, moved }),
  };
  const groups = {
    find: (group: GroupId) => Promise.resolve({ members: group === SMALL ? 200 : 201 }),
  } as unknown as Pick<Groups, 'find'>;
  const marks = new ReadMarks(conversations, groups, {
    signal: (users, signal) => void told.push(`${users.join(' ')}: ${words(signal)}`),
    signalGroup: (group, signal) => void told.push(`group ${group}: ${words(signal)}`),
  });
  return { told, read: (of: ConversationRef, n = 5) => marks.read(alice, of, n) };
}

test('a moved mark is signalled to the own devices and to the other side', async () => {
  const { told, read } = marking(true);
  assert.deepEqual(await read({ kind: 'user', user: BOB }), { unread: 2, read: 5 });
  assert.deepEqual(told, ['1001 1002: alice read inbox:1002 up to 5']);
});

test('a mark of the conversation with oneself is signalled once', async () => {
  const { told, read } = marking(true);
  await read({ kind: 'user', user: alice.userId });
  assert.deepEqual(told, ['1001: alice read inbox:1001 up to 5']);
});

test('a mark is signalled to members of a group of up to 200, and not in a larger group or the lobby', async () => {
  const { told, read } = marking(true);
  for (const group of [SMALL, LARGE, LOBBY]) await read({ kind: 'group', group });
  assert.deepEqual(told, [
    '1001: alice read group:17 up to 5',
    'group 17: alice read group:17 up to 5',
    '1001: alice read group:18 up to 5',
    '1001: alice read group:lobby up to 5',
  ]);
});

test('a mark that has not moved is signalled to nobody, and one beyond the end is refused', async () => {
  const still = marking(false);
  await still.read({ kind: 'user', user: BOB });
  const beyond = marking(new CimError('beyondEnd'));
  await assert.rejects(beyond.read({ kind: 'user', user: BOB }), { code: CODES.beyondEnd.code });
  assert.deepEqual([still.told, beyond.told], [[], []]);
});
