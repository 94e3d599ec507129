import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import type { UserId } from '@cim/protocol';
import type { OpenedStore, OpenStore } from '../test/contract-fixture.ts';
import { addressSubject, type Bans, type Subject, SUSPENSION_MS, userSubject } from './bans.ts';

const [FIRST, SECOND] = SUSPENSION_MS;
const near = (ms: number | undefined, expected: number): void =>
  assert.ok(ms !== undefined && ms > expected - 5_000 && ms <= expected, `${ms} ms left`);

export function bansContract(open: OpenStore): void {
  describe('bans', () => {
    let opened: OpenedStore;
    let bans: Bans;
    before(async () => {
      opened = await open();
      bans = opened.store.bans;
    });
    after(() => opened.close());

    const newSubject = (): Subject => userSubject(randomInt(1, 2 ** 40) as UserId);
    const found = async (subject: Subject) => (await bans.list()).find((ban) => ban.subject === subject);

    test('a subject is suspended for a minute, and is listed with the reason', async () => {
      for (const subject of [
        newSubject(),
        addressSubject('192.0.2.1'),
        addressSubject('2001:db8:0:1::/64'),
      ]) {
        assert.equal(await found(subject), undefined);
        const ban = await bans.suspend(subject, 'too many failed logins');
        assert.deepEqual([ban.subject, ban.step, ban.reason], [subject, 1, 'too many failed logins']);
        near(ban.leftMs, FIRST);
        near((await found(subject))?.leftMs, FIRST);
      }
    });

    test('another threshold does not lengthen a suspension', async () => {
      const subject = newSubject();
      await bans.suspend(subject, 'first');
      const again = await bans.suspend(subject, 'second');
      assert.deepEqual([again.step, again.reason], [1, 'first']);
      near(again.leftMs, FIRST);
    });

    test('the next suspension within a day is longer, up to the longest; after an unban it is the first again', async () => {
      const lengths = [50, 120, 300];
      const short = await open({ suspensionMs: lengths });
      try {
        const subject = newSubject();
        const steps: number[] = [];
        for (let i = 0; i < 4; i++) {
          const { step, leftMs } = await short.store.bans.suspend(subject, 'again');
          steps.push(step);
          assert.ok(leftMs > 0 && leftMs <= (lengths[step - 1] ?? 0), `${leftMs} ms at step ${step}`);
          await until(
            'it is over',
            async () => !(await short.store.bans.list()).some((ban) => ban.subject === subject),
          );
        }
        assert.deepEqual(steps, [1, 2, 3, 3]);
        await short.store.bans.unban(subject);
        assert.equal((await short.store.bans.suspend(subject, 'again')).step, 1);
      } finally {
        await short.close();
      }
    });

    test('requests lengthen a suspension to at most twice its length', async () => {
      const short = await open({ suspensionMs: [300] });
      try {
        const subject = newSubject();
        await short.store.bans.suspend(subject, 'one');
        const begun = performance.now();
        await until('it is over', async () => (await short.store.bans.asked(subject)) === undefined);
        const passed = performance.now() - begun;
        assert.ok(passed > 550 && passed < 5_000, `${passed} ms`);
      } finally {
        await short.close();
      }
    });

    test('a request during a suspension starts its time again', async () => {
      const subject = newSubject();
      assert.equal(await bans.asked(subject), undefined);
      await bans.suspend(subject, 'one');
      for (let i = 0; i < 20; i++) {
        const ban = await bans.asked(subject);
        near(ban?.leftMs, FIRST);
      }
      assert.equal((await found(subject))?.step, 1);
    });

    test('a ban by an operator lasts for the given time, and requests do not lengthen it', async () => {
      const subject = newSubject();
      await bans.suspend(subject, 'one');
      const ban = await bans.ban(subject, SECOND, 'an operator');
      assert.deepEqual([ban.step, ban.reason], [0, 'an operator']);
      near(ban.leftMs, SECOND);
      near((await bans.asked(subject))?.leftMs, SECOND);
    });

    test('unban ends and forgets a suspension', async () => {
      const subject = newSubject();
      assert.equal(await bans.unban(subject), false);
      await bans.suspend(subject, 'one');
      assert.equal(await bans.unban(subject), true);
      assert.equal(await found(subject), undefined);
      assert.equal(await bans.asked(subject), undefined);
      assert.equal((await bans.suspend(subject, 'two')).step, 1);
    });

    test('bans survive a restart', async () => {
      const subject = newSubject();
      await bans.ban(subject, 3_600_000, 'an operator');
      bans = (await opened.reopen()).bans;
      near((await found(subject))?.leftMs, 3_600_000);
    });
  });
}
