import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { type InstanceId, parseUserName } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import type { Sessions } from '@cim/store';
import { until } from '@cim/testkit';
import { Stored } from '../test/stored.ts';
import { Instance } from './instance.ts';
import type { Session } from './session.ts';
import { SessionRegistry } from './session-registry.ts';

let stored: Stored;

/** A user's live session at an instance, as the store and a server hold it. */
async function live(userName: string, instance: InstanceId): Promise<Session & { ended: string }> {
  const { accounts, sessions } = stored.store;
  const name = parseUserName(userName);
  assert.ok(name.ok);
  const { account } = await accounts.register(name.name);
  const user = { userId: account.userId, userName: account.userName };
  await sessions.issue({ user, instance, policy: 'kick', secretHash: '' });
  const answer = await sessions.claim({ userId: user.userId, instance, userName, claim: userName });
  assert.ok(answer.outcome === 'claimed');
  const session = {
    ...user,
    epoch: answer.epoch,
    ended: '',
    deliver: () => 'taken' as const,
    delivered: () => undefined,
    inboxAt: undefined,
    recount: () => undefined,
    fetchOffline: () => {},
    look: () => {},
    onClosed: () => {},
    close: (reason: string) => {
      session.ended = reason;
    },
  };
  return session;
}

/** An instance whose lease the store has lost; `whileMoving` runs once, when the first sessions are moved. */
async function lapsing(registry: SessionRegistry, t: TestContext) {
  const real = stored.store.sessions;
  const hook = { whileMoving: (): Promise<void> => Promise.resolve() };
  const sessions: Pick<Sessions, 'openLease' | 'renewLease' | 'closeLease' | 'reclaim' | 'release'> = {
    openLease: (id) => real.openLease(id),
    renewLease: (id) => real.renewLease(id),
    closeLease: (id) => real.closeLease(id),
    release: (user, epoch, id) => real.release(user, epoch, id),
    reclaim: async (moved, to) => {
      const answers = await real.reclaim(moved, to);
      const { whileMoving } = hook;
      hook.whileMoving = () => Promise.resolve();
      await whileMoving();
      return answers;
    },
  };
  const instance = new Instance({
    sessions,
    registry,
    logger: silentLogger(),
    onRenamed: () => {},
    onServing: () => {},
  });
  t.after(() => instance.stop());
  await instance.start();
  return { instance, hook };
}

describe('an instance whose lease has lapsed', () => {
  before(async () => {
    stored = await Stored.open();
  });
  after(() => stored[Symbol.asyncDispose]());

  test('takes its sessions into a new life, one that comes in while others are moved too', async (t) => {
    const registry = new SessionRegistry();
    const { instance, hook } = await lapsing(registry, t);
    const early = await live('early', instance.id);
    const late = await live('late', instance.id);
    registry.add(early);
    hook.whileMoving = async () => {
      registry.add(late);
      await Promise.resolve();
    };
    const { id } = instance;
    await stored.store.sessions.closeLease(id);
    await instance.renew();
    assert.notEqual(instance.id, id);
    assert.equal(instance.serving, true);
    for (const { userId, epoch, ended } of [early, late]) {
      assert.equal(ended, '');
      assert.deepEqual(await stored.store.sessions.locate(userId), { instance: instance.id, epoch });
    }
  });

  test('leaves no user online whose session ended while it was moved', async (t) => {
    const registry = new SessionRegistry();
    const { instance, hook } = await lapsing(registry, t);
    const { id } = instance;
    const session = await live('leaving', id);
    registry.add(session);
    hook.whileMoving = async () => {
      registry.remove(session);
      await stored.store.sessions.release(session.userId, session.epoch, id);
    };
    await stored.store.sessions.closeLease(id);
    await instance.renew();
    await until(
      'nobody is online',
      async () => (await stored.store.sessions.online(instance.id)).length === 0,
    );
    assert.equal(await stored.store.sessions.locate(session.userId), undefined);
  });
});
