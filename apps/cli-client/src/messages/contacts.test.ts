import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserId } from '@cim/protocol';
import { Contacts } from './contacts.ts';

const user = (id: number) => ({ userId: id as UserId, userName: `user-${id}` });

test('of more than 10,000 users the one is forgotten, name and id, that was met and named the longest time ago', () => {
  const contacts = new Contacts();
  for (let id = 1; id <= 10_000; id++) contacts.meet(user(id));
  contacts.meet(user(1));
  assert.equal(contacts.idOf('USER-2'), 2);
  contacts.meet(user(10_001));
  assert.equal(contacts.names().length, 10_000);
  for (const id of [1, 2, 4, 10_001]) {
    assert.equal(contacts.idOf(`user-${id}`), id);
    assert.equal(contacts.nameOf(id as UserId), `user-${id}`);
  }
  assert.equal(contacts.knows('user-3'), false);
  assert.equal(contacts.nameOf(3 as UserId), '3');
});
