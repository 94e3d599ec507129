import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cim, LOBBY, type UserId } from '@cim/protocol';
import { Typing } from './typing.ts';

function open() {
  const sent: string[] = [];
  const state = { now: 0 };
  const typing = new Typing(
    { userId: 5 as UserId, userName: 'five' },
    (group) => group === '17',
    {
      signal: (users, { kind }) => sent.push(`${kind} ${users.join()}`),
      signalGroup: (group, { kind }) => sent.push(`${kind} #${group}`),
    },
    () => state.now,
  );
  const signal = (given: cim.Signal.$Properties): boolean =>
    typing.signal({ kind: cim.SignalKind.TYPING, to: 0, group: '', ...given } as cim.Signal);
  return { sent, state, signal };
}

test('one signal a second goes to a user, and to a group that the session follows', () => {
  const { sent, state, signal } = open();
  for (const now of [0, 999, 1_000]) {
    state.now = now;
    assert.equal(signal({ to: 7 }), true);
    assert.equal(signal({ group: '17' }), true);
  }
  assert.deepEqual(sent, ['typing 7', 'typing #17', 'typing 7', 'typing #17']);
});

test('no signal goes to a group that the session does not follow, nor to the lobby', () => {
  const { sent, signal } = open();
  assert.equal(signal({ group: '18' }), true);
  assert.equal(signal({ group: LOBBY }), true);
  assert.deepEqual(sent, []);
});

test('at most 16 conversations are signalled to in a second', () => {
  const { sent, state, signal } = open();
  for (let to = 1; to <= 20; to++) signal({ to });
  assert.equal(sent.length, 16);
  state.now = 1_000;
  signal({ to: 20 });
  assert.equal(sent.length, 17);
});

test('a client may not send another kind of signal, or one without a recipient', () => {
  const { signal } = open();
  assert.equal(signal({ kind: cim.SignalKind.READ, to: 7 }), false);
  assert.equal(signal({ kind: cim.SignalKind.DEVICE }), false);
  assert.equal(signal({}), false);
  assert.equal(signal({ group: 'x' }), false);
  assert.equal(signal({ to: -1 }), false);
});
