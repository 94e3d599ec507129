import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UserId } from '@cim/protocol';
import { createPlacement } from './create-placement.ts';
import { byName } from './member-list.ts';
import { member } from './membership.contract.ts';
import type { Member } from './membership.ts';
import { PLACEMENTS } from './placement.ts';

const user = (id: number): UserId => id as UserId;
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => member(name, name)) as [
  Member,
  Member,
  Member,
  Member,
];
const cimsOwn: Member = { host: 'cim', tcpPort: 1, httpPort: 2 };
const hosts = (members: readonly Member[]): string => members.map((m) => m.host).join('');
const firstOf = (members: readonly Member[]): string => members[0]?.host ?? '';

for (const name of PLACEMENTS)
  describe(`placement: ${name}`, () => {
    test('answers nobody when there is nobody', () => {
      assert.deepEqual(createPlacement(name).order([], user(1)), []);
    });

    test('answers each member once, and none of the servers of CIM', () => {
      const placement = createPlacement(name);
      const members = [a, b, c, cimsOwn];
      for (let id = 1; id <= 20; id++)
        assert.equal(hosts([...placement.order(members, user(id))].sort(byName)), 'abc');
      assert.deepEqual(placement.order([cimsOwn], user(1)), []);
      assert.deepEqual(members, [a, b, c, cimsOwn], 'the list is left as it is');
    });

    test('answers no member whose sessions are moving, unless there is no other', () => {
      const placement = createPlacement(name);
      const drained: Member = { ...b, moving: 'drain' };
      const giving: Member = { ...c, moving: 'rebalance' };
      assert.equal(hosts(placement.order([a, drained, giving], user(1))), 'a');
      assert.equal(hosts([...placement.order([drained, giving, cimsOwn], user(1))].sort(byName)), 'bc');
    });
  });

describe('placement: round-robin', () => {
  test('rotates strictly, and tries the others in the same order', () => {
    const placement = createPlacement('round-robin');
    const orders = Array.from({ length: 5 }, () => hosts(placement.order([a, b, c], user(1))));
    assert.deepEqual(orders, ['abc', 'bca', 'cab', 'abc', 'bca']);
  });

  test('goes on in its place when members come and go', () => {
    const placement = createPlacement('round-robin');
    const next = (...members: Member[]): string => firstOf(placement.order(members, user(1)));
    assert.equal(next(a, b, d), 'a');
    assert.equal(next(a, b, d), 'b');
    assert.equal(next(a, d), 'd', 'the one after b, which has left');
    assert.equal(next(a, b, c, d), 'a', 'round again');
    assert.equal(next(c, d), 'c');
    assert.equal(next(a, b), 'a', 'nobody after c');
    assert.equal(next(), '');
    assert.equal(next(a, b), 'b', 'an empty list moves nothing');
  });
});

describe('placement: random', () => {
  test('gives each order the same chance', () => {
    const placement = createPlacement('random');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = hosts(placement.order([a, b, c], user(1)));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const count of counts.values()) assert.ok(count > 800 && count < 1200, `${count} of 1000`);
  });

  test('takes its randomness from outside', () => {
    assert.equal(hosts(createPlacement('random', () => 0).order([a, b, c], user(1))), 'bca');
  });
});

describe('placement: consistent-hash', () => {
  const users = Array.from({ length: 4000 }, (_, i) => user(i + 1));
  const homes = (members: readonly Member[]): string[] => {
    const placement = createPlacement('consistent-hash');
    return users.map((id) => firstOf(placement.order(members, id)));
  };

  test('gives every process the same answer, in whatever order its list is', () => {
    assert.deepEqual(homes([a, b, c, d]), homes([d, b, a, c]));
  });

  test('moves only the users of a server that leaves, to all the others', () => {
    const [before, after] = [homes([a, b, c, d]), homes([a, b, d])];
    const moved = new Set<string>();
    before.forEach((home, i) => {
      if (home === 'c') moved.add(after[i] ?? '');
      else assert.equal(after[i], home);
    });
    assert.deepEqual([...moved].sort(), ['a', 'b', 'd']);
  });

  test('moves nobody when a server restarts at its address', () => {
    assert.deepEqual(homes([a, b, c]), homes([a, { ...b, instance: d.instance ?? ('' as never) }, c]));
  });

  test('moves to a server that joins only its own share, and between the others nobody', () => {
    const [before, after] = [homes([a, b, c]), homes([a, b, c, d])];
    const moved = after.filter((home, i) => home !== before[i]);
    assert.ok(moved.every((home) => home === 'd'));
    assert.ok(Math.abs(moved.length / users.length - 1 / 4) < 0.03, `${moved.length} moved`);
  });

  test('shares the users out evenly, and those of a server that leaves too', () => {
    const four = homes([a, b, c, d]);
    const afterwards = homes([a, b, d]).filter((_, i) => four[i] === 'c');
    const shares = (all: readonly string[], of: string): number[] =>
      [...of].map((host) => all.filter((home) => home === host).length / all.length);
    // Five times the standard deviation of a fair draw: 0.7 % of 4,000 users, 1.5 % of 1,000.
    for (const share of shares(four, 'abcd')) assert.ok(Math.abs(share - 1 / 4) < 0.035, `${share}`);
    for (const share of shares(afterwards, 'abd')) assert.ok(Math.abs(share - 1 / 3) < 0.075, `${share}`);
  });

  test('tries the one that would follow if the first left', () => {
    const placement = createPlacement('consistent-hash');
    for (const id of users.slice(0, 100)) {
      const [first, second] = placement.order([a, b, c], id);
      const without = [a, b, c].filter((m) => m !== first);
      assert.equal(firstOf(createPlacement('consistent-hash').order(without, id)), second?.host);
    }
  });
});
