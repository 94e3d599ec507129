import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { InstanceId } from '@cim/protocol';
import { until } from '@cim/testkit';
import { type Member, type Membership, memberName } from './membership.ts';

export const member = (host: string, instance: string, more: Partial<Member> = {}): Member => ({
  host,
  tcpPort: 11211,
  httpPort: 8081,
  instance: instance.padEnd(16, '_') as InstanceId,
  version: '0.1.0',
  startedAt: 1,
  ...more,
});

export const namesOf = (membership: Membership): string[] => membership.members().map(memberName);

/**
 * Tests that every implementation of `Membership` has to pass.
 * @param open makes another membership of the same registry, not started; called only while the suite's tests run
 */
export function membershipContract(adapter: string, open: () => Membership): void {
  describe(`membership contract: ${adapter}`, () => {
    const opened: Membership[] = [];
    const started = async (): Promise<Membership> => {
      const membership = open();
      opened.push(membership);
      await membership.start();
      return membership;
    };
    afterEach(async () => {
      const ended = opened.splice(0);
      await Promise.all(ended.map((membership) => membership.stop()));
    });

    test('is connected and lists nobody after the start of an empty cluster', async () => {
      const membership = await started();
      assert.deepEqual(membership.members(), []);
      assert.equal(membership.connected, true);
      assert.notEqual(membership.description, '');
    });

    test('lists a member with all it said of itself when announce resolves', async () => {
      const membership = await started();
      const self = member('10.0.0.1', 'one', { startedAt: 1_700_000_000_000 });
      await membership.announce(self);
      assert.deepEqual(membership.members(), [self]);
    });

    test('shows the members of two memberships to both, ordered by name', async () => {
      const [a, b] = [await started(), await started()];
      const [first, second] = [member('10.0.0.1', 'one'), member('10.0.0.2', 'two')];
      await b.announce(second);
      await a.announce(first);
      await until('both list both', () => a.members().length === 2 && b.members().length === 2);
      assert.deepEqual(a.members(), [first, second]);
      assert.deepEqual(b.members(), [first, second]);
    });

    test('shows who was there before to one that starts later', async () => {
      const early = await started();
      await early.announce(member('10.0.0.1', 'one'));
      assert.deepEqual(namesOf(await started()), ['10.0.0.1:11211:8081']);
    });

    test('takes a member off the list for all when it withdraws, and again does nothing', async () => {
      const [a, b] = [await started(), await started()];
      await a.announce(member('10.0.0.1', 'one'));
      await until('the other lists it', () => b.members().length === 1);
      await a.withdraw();
      assert.deepEqual(a.members(), []);
      await until('the other does not list it', () => b.members().length === 0);
      await a.withdraw();
    });

    test('takes a member off the list when its membership stops', async () => {
      const [a, b] = [await started(), await started()];
      await a.announce(member('10.0.0.1', 'one'));
      await until('the other lists it', () => b.members().length === 1);
      await a.stop();
      await until('the other does not list it', () => b.members().length === 0);
    });

    test('replaces what was announced: a new instance at the same address', async () => {
      const [a, b] = [await started(), await started()];
      await a.announce(member('10.0.0.1', 'one'));
      await until('the other lists it', () => b.members().length === 1);
      const again = member('10.0.0.1', 'another');
      const lengths: number[] = [];
      b.onChange(() => lengths.push(b.members().length));
      await a.announce(again);
      assert.deepEqual(a.members(), [again]);
      await until('the other lists the new one', () => b.members()[0]?.instance === again.instance);
      assert.deepEqual(lengths, [1], 'nobody saw an empty list between');
    });

    test('replaces what was announced: another address', async () => {
      const [a, b] = [await started(), await started()];
      await a.announce(member('10.0.0.1', 'one'));
      await a.announce(member('10.0.0.9', 'one'));
      assert.deepEqual(namesOf(a), ['10.0.0.9:11211:8081']);
      await until('the other lists the new one alone', () => namesOf(b).join() === '10.0.0.9:11211:8081');
    });

    test('lists a member again that was announced after a withdrawal', async () => {
      const membership = await started();
      const self = member('10.0.0.1', 'one');
      for (let i = 0; i < 3; i++) {
        await membership.announce(self);
        assert.deepEqual(membership.members(), [self]);
        await membership.withdraw();
        assert.deepEqual(membership.members(), []);
      }
    });

    test('ends with what was asked for last when announcements and withdrawals overlap', async () => {
      const [a, b] = [await started(), await started()];
      const last = member('10.0.0.1', 'three');
      await Promise.all([
        a.announce(member('10.0.0.1', 'one')),
        a.withdraw(),
        a.announce(member('10.0.0.2', 'two')),
        a.announce(last),
      ]);
      await until('the other lists the last one', () => b.members()[0]?.instance === last.instance);
      assert.deepEqual(a.members(), [last]);
      assert.deepEqual(b.members(), [last]);
    });

    test('calls listeners after each change until they stop listening, and for nothing else', async () => {
      const membership = await started();
      const seen: string[] = [];
      const end = membership.onChange(() => seen.push(namesOf(membership).join()));
      const other = membership.onChange(() => seen.push('other'));
      other();
      await membership.announce(member('10.0.0.1', 'one'));
      await membership.withdraw();
      end();
      await membership.announce(member('10.0.0.2', 'one'));
      assert.deepEqual(seen, ['10.0.0.1:11211:8081', '']);
    });

    test('announces an IPv6 address', async () => {
      const [a, b] = [await started(), await started()];
      const self = member('2001:db8::1', 'one');
      await a.announce(self);
      await until('the other lists it', () => b.members().length === 1);
      assert.deepEqual(b.members(), [self]);
    });

    test('refuses to announce what no node name can carry', async () => {
      const membership = await started();
      await assert.rejects(membership.announce(member('a/b', 'one')), /cannot be announced/);
      await assert.rejects(membership.announce(member('h', 'one', { tcpPort: 0 })), /cannot be announced/);
      assert.deepEqual(membership.members(), []);
    });

    test('starts and stops more than once without harm', async () => {
      const membership = await started();
      await membership.start();
      await membership.stop();
      await membership.stop();
      await membership.withdraw();
      assert.equal(membership.connected, false);
    });
  });
}
