/** A clock that goes back, while the store is open or before it is opened again. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CIM, cimAt, logIn, newClaim, newServer, newUser } from '../../test/contract-fixture.ts';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';

const HOUR = 3_600_000;

async function openAt(t: TestContext) {
  const clock = { now: 1_700_000_000_000, monotonic: 0 };
  const folder = await openEmbeddedForTest(t, { now: () => clock.now, monotonic: () => clock.monotonic });
  return { clock, folder, store: folder.store };
}

for (const reopened of [false, true]) {
  const name = reopened ? 'before the store is opened again' : 'while the store is open';
  test(`a clock that goes back ${name}: an unclaimed login does not block new logins`, async (t) => {
    const { clock, folder, store } = await openAt(t);
    const [user, instance] = [await newUser(store), await newServer(store)];
    const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
    assert.equal((await store.sessions.issue(login)).outcome, 'issued');
    clock.now -= HOUR;
    if (reopened) await (await folder.reopen()).sessions.openLease(instance);
    const { sessions } = folder.store;
    const claim = { userId: user.userId, userName: user.userName, instance, claim: newClaim() };
    assert.deepEqual(await sessions.claim(claim), { outcome: 'refused' });
    assert.equal((await sessions.issue(login)).outcome, 'issued');
    assert.equal((await sessions.claim(claim)).outcome, 'claimed');
  });
}

test('a clock that goes back by a few seconds ends no login', async (t) => {
  const { store, clock } = await openAt(t);
  const [user, instance] = [await newUser(store), await newServer(store)];
  const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
  assert.equal((await store.sessions.issue(login)).outcome, 'issued');
  clock.now -= 5_000;
  assert.deepEqual(await store.sessions.issue(login), { outcome: 'repeat', live: [] });
  const claim = { userId: user.userId, userName: user.userName, instance, claim: newClaim() };
  assert.equal((await store.sessions.claim(claim)).outcome, 'claimed');
});

test('a lease lasts 30 s, whatever the clock does', async (t) => {
  const { store, clock } = await openAt(t);
  const [user, instance] = [await newUser(store), await newServer(store)];
  const epoch = await logIn(store, user, instance);
  for (const jump of [-HOUR, 2 * HOUR]) {
    clock.now += jump;
    assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(instance, epoch)]);
    clock.monotonic += 20_000;
    assert.equal(await store.sessions.renewLease(instance), true);
  }
  clock.now -= HOUR;
  clock.monotonic += 30_000;
  assert.deepEqual(await store.sessions.locate(user.userId), []);
  const next = await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' });
  assert.equal(next.outcome, 'issued');
});
