import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { CIM_DEVICE, type Epoch, type InstanceId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import type { Sessions } from '@cim/store';
import { until } from '@cim/testkit';
import { liveSession } from '../../test/live-session.ts';
import { Stored } from '../../test/stored.ts';
import { Instance } from './instance.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';

let stored: Stored;

/** An instance whose lease the store has lost. `whileMoving` runs once, when the first sessions are moved. */
async function lapsing(registry: SessionRegistry, t: TestContext) {
  const real = stored.store.sessions;
  const nothing = (): Promise<void> => Promise.resolve();
  const hook = { whileMoving: nothing, whileAsking: nothing };
  const sessions: Pick<
    Sessions,
    'openLease' | 'renewLease' | 'closeLease' | 'reclaim' | 'release' | 'epochs'
  > = {
    openLease: (id) => real.openLease(id),
    epochs: async (users) => {
      const answers = await real.epochs(users);
      const { whileAsking } = hook;
      hook.whileAsking = () => Promise.resolve();
      await whileAsking();
      return answers;
    },
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

  test('takes its sessions into a new life, also one that begins while others are moved', async (t) => {
    const registry = new SessionRegistry();
    const { instance, hook } = await lapsing(registry, t);
    const early = await liveSession(stored.store, 'early', instance.id);
    const late = await liveSession(stored.store, 'late', instance.id);
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
      assert.deepEqual(await stored.store.sessions.locate(userId), [
        { device: CIM_DEVICE, instance: instance.id, epoch },
      ]);
    }
  });

  test('leaves no user online whose session ended while it was moved', async (t) => {
    const registry = new SessionRegistry();
    const { instance, hook } = await lapsing(registry, t);
    const { id } = instance;
    const session = await liveSession(stored.store, 'leaving', id);
    registry.add(session);
    hook.whileMoving = async () => {
      registry.remove(session);
      await stored.store.sessions.release(session, session.epoch, id);
    };
    await stored.store.sessions.closeLease(id);
    await instance.renew();
    await until(
      'nobody is online',
      async () => (await stored.store.sessions.online(instance.id)).length === 0,
    );
    assert.deepEqual(await stored.store.sessions.locate(session.userId), []);
  });

  test('closes sessions that the store has lost as unavailable, and replaced ones as superseded', async (t) => {
    const registry = new SessionRegistry();
    const { instance } = await lapsing(registry, t);
    const replaced = await liveSession(stored.store, 'replaced', instance.id);
    const newest = await liveSession(stored.store, 'forgotten', instance.id);
    const forgotten = { ...newest, epoch: (newest.epoch + 1) as Epoch };
    forgotten.close = (reason) => (forgotten.ended = reason);
    const { userId, userName } = replaced;
    const elsewhere = 'elsewhere-16char' as InstanceId;
    const user = { userId, userName };
    await stored.store.sessions.issue({
      user,
      device: CIM_DEVICE,
      label: '',
      instance: elsewhere,
      policy: 'kick',
      secretHash: '',
    });
    await stored.store.sessions.openLease(elsewhere);
    await stored.store.sessions.claim({ userId, instance: elsewhere, userName, claim: 'newer' });
    registry.add(replaced);
    registry.add(forgotten);
    await stored.store.sessions.closeLease(instance.id);
    await instance.renew();
    assert.equal(replaced.ended, 'superseded');
    assert.equal(forgotten.ended, 'unavailable');
  });

  test('closes a session as logged out that was logged out meanwhile', async (t) => {
    const registry = new SessionRegistry();
    const { instance } = await lapsing(registry, t);
    const session = await liveSession(stored.store, 'logs-out', instance.id);
    registry.add(session);
    await stored.store.sessions.end(session.userId);
    await stored.store.sessions.closeLease(instance.id);
    await instance.renew();
    assert.equal(session.ended, 'logged-out');
  });

  test('takes along a session that begins while the store is asked about another', async (t) => {
    const registry = new SessionRegistry();
    const { instance, hook } = await lapsing(registry, t);
    const gone = await liveSession(stored.store, 'gone', instance.id);
    const late = await liveSession(stored.store, 'late-comer', instance.id);
    registry.add({ ...gone, epoch: (gone.epoch + 1) as Epoch });
    hook.whileAsking = () => {
      registry.add(late);
      return Promise.resolve();
    };
    await stored.store.sessions.closeLease(instance.id);
    await instance.renew();
    assert.deepEqual(await stored.store.sessions.locate(late.userId), [
      { device: CIM_DEVICE, instance: instance.id, epoch: late.epoch },
    ]);
  });
});

describe('the first lease', () => {
  /** An instance whose store fails this many times before it answers, and the lines that it logs. */
  function starting(failures: number) {
    const opened: InstanceId[] = [];
    const lines: string[] = [];
    const never = (): never => assert.fail('not asked for');
    const instance = new Instance({
      sessions: {
        openLease: (id) => {
          opened.push(id);
          return opened.length > failures ? Promise.resolve() : Promise.reject(new Error('no answer'));
        },
        closeLease: () => Promise.resolve(),
        ...{ renewLease: never, reclaim: never, release: never, epochs: never },
      },
      registry: new SessionRegistry(),
      logger: { ...silentLogger(), warn: (_: unknown, event: string) => void lines.push(event) } as never,
      onRenamed: never,
      onServing: never,
      retryMs: 1,
    });
    return { instance, opened, lines };
  }

  test('is asked for until the store answers, with one line, and each time under another id', async () => {
    const { instance, opened, lines } = starting(3);
    await instance.start();
    assert.equal(instance.serving, true);
    assert.equal(new Set(opened).size, 4);
    assert.equal(opened.at(-1), instance.id);
    assert.deepEqual(lines, ['lease.not-opened']);
    await instance.stop();
  });

  test('is asked for no more when the program stops', async () => {
    const { instance, opened } = starting(Infinity);
    const stopping = new AbortController();
    const start = instance.start(stopping.signal);
    await until('it was asked for', () => opened.length > 1);
    stopping.abort(new Error('stopped'));
    await assert.rejects(start);
    assert.equal(instance.serving, false);
  });
});
