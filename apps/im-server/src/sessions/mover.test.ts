import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CIM_DEVICE, type UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { Mover, WAVE_MS } from './mover.ts';
import type { Session } from './session.ts';
import { SessionRegistry } from './session-registry.ts';

interface Fake {
  readonly session: Session;
  closed: string[];
}

function start(t: TestContext, sizes: { own: number; cim?: number }, rate = 20) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const registry = new SessionRegistry();
  const fakes: Fake[] = [];
  const add = (wire: 'own' | 'cim'): Fake => {
    const fake: Fake = { session: {} as Session, closed: [] };
    const session = {
      ...{ userId: (fakes.length + 1) as UserId, device: CIM_DEVICE, epoch: 1, wire },
      close: (reason: string) => void fake.closed.push(reason),
    };
    Object.assign(fake.session, session);
    fakes.push(fake);
    registry.add(fake.session);
    return fake;
  };
  for (let i = 0; i < (sizes.cim ?? 0); i++) add('cim');
  for (let i = 0; i < sizes.own; i++) add('own');
  const at = { hindrance: '', exits: 0, announced: [] as unknown[] };
  const mover: Mover = new Mover({
    registry,
    announce: () => {
      at.announced.push(mover.moving);
      return Promise.resolve();
    },
    hindrance: () => at.hindrance,
    rate,
    logger: silentLogger(),
    exit: () => at.exits++,
  });
  /** Runs this many waves. Between them the channels of closed sessions end, unless `ends` is false. */
  const waves = async (count: number, ends = true): Promise<void> => {
    for (let i = 0; i < count; i++) {
      // The move begins when the server is listed as moving.
      await Promise.resolve();
      await Promise.resolve();
      t.mock.timers.tick(WAVE_MS);
      if (ends) for (const { session, closed } of fakes) if (closed.length > 0) registry.remove(session);
    }
  };
  const closed = (): number => fakes.filter((fake) => fake.closed.length > 0).length;
  return { mover, registry, add, at, waves, closed, fakes };
}

describe('a drain', () => {
  test('is listed first, and closes each session once as draining, at its rate, until none is left', async (t) => {
    const { mover, at, waves, closed, fakes } = start(t, { own: 8, cim: 2 });
    assert.equal(mover.move({ act: 'drain' }).left, 10);
    assert.deepEqual(at.announced, ['drain']);
    assert.equal(closed(), 0);
    await waves(2);
    assert.equal(closed(), 4);
    assert.deepEqual([mover.move({ act: 'ask' }).left, mover.move({ act: 'ask' }).moved], [6, 4]);
    await waves(3);
    assert.deepEqual(
      fakes.map((fake) => fake.closed),
      fakes.map(() => ['draining']),
    );
  });

  test('closes no session twice while its channel has not ended', async (t) => {
    const { mover, waves, fakes } = start(t, { own: 3 }, 1_000);
    mover.move({ act: 'drain' });
    await waves(5, false);
    assert.deepEqual(
      fakes.map((fake) => fake.closed.length),
      [1, 1, 1],
    );
  });

  test('closes sessions that still come, until it is ended; then the server is listed as before', async (t) => {
    const { mover, at, waves, add } = start(t, { own: 1 });
    mover.move({ act: 'drain' });
    await waves(3);
    const late = add('own');
    await waves(2);
    assert.deepEqual(late.closed, ['draining']);
    assert.equal(mover.move({ act: 'end' }).moving, undefined);
    assert.deepEqual(at.announced, ['drain', undefined]);
    const stays = add('own');
    await waves(5);
    assert.deepEqual(stays.closed, []);
    assert.equal(at.exits, 0);
  });

  test('waits while no other server can take the sessions, says so, and catches up at most one second', async (t) => {
    const { mover, at, waves, closed } = start(t, { own: 100 });
    at.hindrance = 'no other im-server takes logins';
    mover.move({ act: 'drain' });
    await waves(50);
    assert.equal(closed(), 0);
    assert.equal(mover.move({ act: 'ask' }).waits, 'no other im-server takes logins');
    at.hindrance = '';
    await waves(1);
    assert.ok(closed() <= 20);
    assert.equal(mover.move({ act: 'ask' }).waits, '');
  });

  test('ends the process when it is empty, if that is wanted: once, and not sooner', async (t) => {
    const { mover, at, waves } = start(t, { own: 2 });
    mover.move({ act: 'drain', rate: 10, thenExit: true });
    await waves(3);
    assert.equal(at.exits, 0);
    await waves(30);
    assert.equal(at.exits, 1);
  });
});

describe('a rebalance', () => {
  test('closes sessions of our own wire only, until it has what it is to keep, and ends by itself', async (t) => {
    const { mover, at, registry, waves, fakes } = start(t, { own: 6, cim: 3 });
    assert.equal(mover.move({ act: 'rebalance', keep: 5 }).left, 4);
    await waves(40);
    assert.equal(registry.size, 5);
    assert.ok(fakes.every(({ session, closed }) => session.wire === 'own' || closed.length === 0));
    assert.equal(mover.moving, undefined);
    assert.deepEqual(at.announced, ['rebalance', undefined]);
  });

  test('never goes below its share when channels end late, or users leave by themselves', async (t) => {
    const { mover, registry, waves, closed, fakes } = start(t, { own: 10 }, 1_000);
    mover.move({ act: 'rebalance', keep: 6 });
    await waves(3, false);
    assert.equal(closed(), 4);
    const leaver = fakes.find((fake) => fake.closed.length === 0);
    if (leaver !== undefined) registry.remove(leaver.session);
    await waves(3);
    assert.equal(closed(), 4);
  });

  test('ends when only CIM clients are above it', async (t) => {
    const { mover, waves, closed } = start(t, { own: 1, cim: 5 });
    mover.move({ act: 'rebalance', keep: 2 });
    await waves(40);
    assert.equal(closed(), 1);
    assert.equal(mover.moving, undefined);
  });

  test('does not replace a drain', async (t) => {
    const { mover, waves, closed } = start(t, { own: 4 });
    mover.move({ act: 'drain' });
    assert.equal(mover.move({ act: 'rebalance', keep: 3 }).moving, 'drain');
    await waves(5);
    assert.equal(closed(), 4);
  });
});
