import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NamedUser } from '@cim/protocol';
import { longestTurn } from '@cim/testkit';
import { Contacts } from './contacts.ts';
import { Online } from './online.ts';
import { plainPaint } from '../screen/paint.ts';
import { View } from '../screen/view.ts';

const users = (names: readonly string[]): NamedUser[] =>
  names.map((userName, i) => ({ userId: 1001 + i, userName })) as unknown as NamedUser[];

const crowd = users(Array.from({ length: 200_000 }, (_, i) => `User-${i}`));

function createOnline(list: readonly NamedUser[]): { online: Online; contacts: Contacts } {
  const contacts = new Contacts();
  return { online: new Online(() => Promise.resolve(list), contacts), contacts };
}

describe('the list of who is online', () => {
  it('is sorted by name, with the number of all', async () => {
    const { online, contacts } = createOnline(users(['carol', 'Bob', 'alice']));
    const { users: shown, total } = await online.list();
    assert.deepEqual(
      shown.map((user) => user.userName),
      ['alice', 'Bob', 'carol'],
    );
    assert.equal(total, 3);
    assert.equal(contacts.nameOf(shown[0]?.userId ?? (0 as never)), 'alice');
  });

  it('of 200,000 users shows 100 and their number, and holds nobody up', async () => {
    const { online, contacts } = createOnline(crowd);
    const asked = online.list();
    const longest = await longestTurn(asked);
    const { users: shown, total } = await asked;
    assert.equal(shown.length, 100);
    const lines = new View(plainPaint, true, Date.now).users('online', shown, total, undefined);
    assert.equal(lines[0], '* 200000 online, 100 of them; ":pu PREFIX" finds others');
    assert.equal(lines.length, 101);
    assert.equal(contacts.names().length, 100, 'people who were met are not forgotten for strangers');
    assert.ok(longest < 50, `${longest} ms`);
  });

  it('of 200,000 users finds those whose name begins so, and one by name', async () => {
    const { online, contacts } = createOnline(crowd);
    const asked = online.list('uSER-19999');
    assert.ok((await longestTurn(asked)) < 50);
    const { users: shown, total } = await asked;
    assert.equal(total, 11);
    assert.equal(shown[0]?.userName, 'User-19999');
    await online.meet('user-150000');
    assert.equal(contacts.idOf('USER-150000'), 151_001);
  });

  it('of any number of users can be drawn', () => {
    const view = new View(plainPaint, true, Date.now);
    assert.equal(view.users('online', crowd, crowd.length, undefined).length, 200_001);
  });
});

describe('contacts', () => {
  it('do not keep names that a terminal would obey, or that have no end', () => {
    const contacts = new Contacts();
    for (const user of users(['\u001b[2J', 'a\u202eb', 'x'.repeat(100_000), 'bob'])) contacts.meet(user);
    assert.deepEqual(contacts.names(), ['bob']);
    assert.equal(contacts.knows('BOB'), true);
    assert.equal(contacts.knows('x'.repeat(100_000)), false);
  });
});
