import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageSessions, SESSION_S } from './page-sessions.ts';

test('a session of the page answers the credential of its login until the logout', () => {
  const sessions = new PageSessions();
  const [first, second] = [sessions.begin('a'), sessions.begin('b')];
  assert.match(first, /^[\w-]{43}$/);
  assert.deepEqual(
    [first, second].map((one) => sessions.credentialOf(one)),
    ['a', 'b'],
  );
  sessions.end(first);
  assert.deepEqual(
    [first, second].map((one) => sessions.credentialOf(one)),
    [undefined, 'b'],
  );
  assert.equal(sessions.credentialOf(''), undefined);
});

test('a session of the page ends 12 hours after its login', () => {
  let now = 0;
  const sessions = new PageSessions(() => now);
  const secret = sessions.begin('a');
  now = SESSION_S * 1_000 - 1;
  assert.equal(sessions.credentialOf(secret), 'a');
  now++;
  assert.equal(sessions.credentialOf(secret), undefined);
});

test('the oldest of more than 100 sessions of the page ends, and one whose time is over goes before it', () => {
  let now = 0;
  const sessions = new PageSessions(() => now);
  const all = Array.from({ length: 101 }, (_, i) => sessions.begin(String(i)));
  assert.equal(sessions.credentialOf(all[0] ?? ''), undefined);
  assert.equal(sessions.credentialOf(all[1] ?? ''), '1');
  now = SESSION_S * 1_000;
  const later = sessions.begin('later');
  for (let i = 0; i < 99; i++) sessions.begin('more');
  assert.equal(sessions.credentialOf(later), 'later');
});
