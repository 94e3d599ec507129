import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_DEVICE, type DeviceId, type Epoch, type UserId, type UserName } from '@cim/protocol';
import type { Sessions } from '@cim/store';
import { INSTANCE, RunningRoute } from '../test/running-route.ts';

type IssueRequest = Parameters<Sessions['issue']>[0];

const OLD = 'the old password';
const NEW = 'the new password';
/** A hash of an older version (scrypt): "pleaseletmein" of RFC 7914, section 12. */
const SCRYPT = `$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$${Buffer.from(
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
    'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  'hex',
)
  .toString('base64')
  .replaceAll('=', '')}`;

describe('the password of an account', { concurrency: false }, () => {
  let at: RunningRoute;
  before(async () => {
    at = await RunningRoute.start();
  });
  after(() => at.stop());

  async function logIn(userId: UserId, userName: string, password: string | undefined) {
    const { code, dataBody } = await at.post('/login', { userId, userName, password, wire: 2 });
    return { code, ...(dataBody as { session: string; epoch: Epoch } | null) };
  }
  const change = (userId: UserId, password: string | undefined, newPassword: string, session = '') =>
    at.post(
      '/changePassword',
      { userId, password, newPassword, reqNo: '8' },
      session === '' ? {} : { authorization: `Bearer ${session}` },
    );

  test('is changed by a caller who knows it: the old one opens nothing, and every session ends', async () => {
    const userId = await at.register('anna', OLD);
    const { session, epoch } = await logIn(userId, 'anna', OLD);
    await at.store.sessions.claim({ userId, epoch: epoch as Epoch, instance: INSTANCE, claim: 'c' });
    const { status, code, reqNo, dataBody } = await change(userId, OLD, NEW);
    assert.deepEqual([status, code, reqNo, dataBody], [200, '9000', '8', null]);
    assert.deepEqual(await at.store.sessions.locate(userId), []);
    assert.ok(at.rung.some((ring) => ring.startsWith(`kick ${userId} `) && ring.endsWith(' logged-out')));
    assert.equal((await logIn(userId, 'anna', OLD)).code, '9100');
    const resumed = await at.post('/login', { userId, userName: 'anna', session, wire: 2 });
    assert.equal(resumed.code, '9100', 'the session of the old password');
    assert.equal((await logIn(userId, 'anna', NEW)).code, '9000');
  });

  test('is changed by a caller who also shows a session: that session goes on', async () => {
    const userId = await at.register('berta', OLD);
    const { session, epoch } = await logIn(userId, 'berta', OLD);
    await at.store.sessions.claim({ userId, epoch: epoch as Epoch, instance: INSTANCE, claim: 'c' });
    assert.equal((await change(userId, OLD, NEW, session)).code, '9000');
    assert.deepEqual(await at.store.sessions.locate(userId), [
      { device: DEFAULT_DEVICE, instance: INSTANCE, epoch },
    ]);
    assert.ok(!at.rung.some((ring) => ring.startsWith(`kick ${userId} `)));
    const again = await at.post('/login', { userId, userName: 'berta', session, wire: 2 });
    assert.equal(again.code, '9000', again.message);
  });

  test('a change ends an unclaimed login, whoever asks', async () => {
    const userId = await at.register('carla', OLD);
    const live = await logIn(userId, 'carla', OLD);
    await at.store.sessions.claim({ userId, epoch: live.epoch as Epoch, instance: INSTANCE, claim: 'c' });
    const next = await at.post('/login', { userId, userName: 'carla', session: live.session, wire: 2 });
    const { epoch } = next.dataBody as { epoch: Epoch };
    assert.equal((await change(userId, OLD, NEW, live.session)).code, '9000');
    const claimed = await at.store.sessions.claim({ userId, epoch, instance: INSTANCE, claim: 'd' });
    assert.equal(claimed.outcome, 'refused');
  });

  for (const by of ['password', 'session'] as const)
    test(`a login that was checked by the ${by} before a change opens nothing after it`, async (t) => {
      const userName = `late-by-${by}`;
      const userId = await at.register(userName, OLD);
      const { session } = by === 'session' ? await logIn(userId, userName, OLD) : { session: undefined };
      const issue = t.mock.method(at.store.sessions, 'issue', async (request: IssueRequest) => {
        issue.mock.restore();
        assert.equal((await change(userId, OLD, NEW)).code, '9000');
        return at.store.sessions.issue(request);
      });
      const shown = by === 'session' ? { session } : { password: OLD };
      const late = await at.post('/login', { userId, userName, wire: 2, ...shown });
      assert.equal(late.code, '9100', late.message);
      assert.equal(issue.mock.callCount(), 1);
      assert.notEqual((await at.store.sessions.find(userId))[0]?.state, 'issued');
      assert.equal((await logIn(userId, userName, NEW)).code, '9000');
    });

  test('is checked again when another login has replaced its hash between check and issue', async (t) => {
    const { account } = await at.store.accounts.register('ida' as UserName, SCRYPT);
    const { userId } = account;
    const issue = t.mock.method(at.store.sessions, 'issue', async (request: IssueRequest) => {
      issue.mock.restore();
      const { passwordHash = '' } = (await at.store.accounts.byId(userId)) ?? {};
      assert.equal(await at.store.accounts.replacePassword(userId, passwordHash, SCRYPT), true);
      return at.store.sessions.issue(request);
    });
    assert.equal((await logIn(userId, 'ida', 'pleaseletmein')).code, '9000');
    assert.equal(issue.mock.callCount(), 1);
  });

  test('is not changed with a wrong password, to a weak one, or on an account without one, and no session ends', async () => {
    const [userId, open] = [await at.register('dora', OLD), await at.register('emil')];
    const { session } = await logIn(userId, 'dora', OLD);
    for (const [answer, code, message] of [
      [await change(userId, 'something else', NEW), '9100', /incorrect/],
      [await change(userId, 'something else', NEW, session), '9100', /incorrect/],
      [await change(userId, OLD, 'seven77'), '3000', /^newPassword: .* 8 characters/],
      [await change(open, OLD, NEW), '9100', /emil has no password/],
      [await change(999_999 as UserId, OLD, NEW), '9100', /incorrect/],
      [await at.post('/changePassword', { userId, password: OLD }), '3000', /newPassword is missing/],
    ] as const) {
      assert.deepEqual([answer.status, answer.code], [200, code]);
      assert.match(answer.message, message);
    }
    const resumed = await at.post('/login', { userId, userName: 'dora', session, wire: 2 });
    assert.equal(resumed.code, '9000', resumed.message);
  });

  test('of an account without one is set once, and only with a session of the account', async () => {
    const [userId, other] = [await at.register('nora'), await at.register('olga')];
    const { session = '' } = await logIn(userId, 'nora', undefined);
    const { session: stranger = '' } = await logIn(other, 'olga', undefined);
    for (const shown of ['', stranger, session.slice(1)]) {
      const answer = await change(userId, undefined, NEW, shown);
      assert.equal(answer.code, '9100');
      assert.match(answer.message, /nora has no password; show its session/);
    }
    assert.equal((await change(userId, undefined, 'seven77', session)).code, '3000');
    assert.equal((await at.store.accounts.byId(userId))?.passwordHash, undefined);
    assert.equal((await change(userId, undefined, NEW, session)).code, '9000');
    const again = await change(userId, undefined, OLD, session);
    assert.deepEqual([again.code, again.message], ['9100', 'give the password of the account too']);
    assert.equal((await change(999_999 as UserId, undefined, OLD)).message, again.message);
    const resumed = await at.post('/login', { userId, userName: 'nora', session, wire: 2 });
    assert.equal(resumed.code, '9000', 'the session that has set it goes on');
    const { session: newest } = resumed.dataBody as { session: string };
    assert.equal((await logIn(userId, 'nora', undefined)).code, '9100');
    await at.post('/offLine', { userId }, { authorization: `Bearer ${newest}` });
    assert.equal((await logIn(userId, 'nora', NEW)).code, '9000');
  });

  describe('whose change has no answer', () => {
    const claim = (userId: UserId, epoch: Epoch | undefined, name: string) =>
      at.store.sessions.claim({ userId, epoch: epoch as Epoch, instance: INSTANCE, claim: name });

    test('is changed, and its other sessions are out, though nobody repeats the request', async (t) => {
      const userId = await at.register('karla', OLD);
      const { epoch } = await logIn(userId, 'karla', OLD);
      await claim(userId, epoch, 'c');
      t.mock.method(at.store.accounts, 'replacePassword', () => Promise.reject(new Error('the route dies')));
      assert.equal((await change(userId, OLD, NEW)).code, '4000');
      assert.deepEqual(await at.store.sessions.locate(userId), []);
      assert.ok(at.rung.some((ring) => ring.startsWith(`kick ${userId} `)));
    });

    test('is changed by the request that is repeated: it ends the sessions that are left', async (t) => {
      const userId = await at.register('laura', OLD);
      const end = t.mock.method(at.store.sessions, 'end');
      end.mock.mockImplementationOnce(() => Promise.reject(new Error('away')), 1);
      assert.equal((await change(userId, OLD, NEW)).code, '4000');
      const left = await logIn(userId, 'laura', NEW);
      await claim(userId, left.epoch, 'c');
      for (const wrong of [OLD, 'something else'])
        assert.equal((await change(userId, wrong, 'another password')).code, '9100');
      assert.equal((await at.store.sessions.locate(userId)).length, 1);
      assert.equal((await change(userId, OLD, NEW)).code, '9000');
      assert.deepEqual(await at.store.sessions.locate(userId), []);
      assert.equal((await logIn(userId, 'laura', NEW)).code, '9000');
    });

    test('is set by the repeated request of the session that has set the first one, and of no other', async () => {
      const userId = await at.register('maria');
      const { session } = await logIn(userId, 'maria', undefined);
      assert.equal((await change(userId, undefined, NEW, session)).code, '9000');
      assert.equal((await change(userId, undefined, NEW, session)).code, '9000');
      assert.equal((await change(userId, undefined, NEW)).code, '9100');
      assert.equal((await change(userId, undefined, 'another password', session)).code, '9100');
    });
  });

  test('of a new account has 8 characters or more; an older, shorter one keeps working', async () => {
    const short = await at.post('/registerAccount', { userName: 'franz', password: 'seven77' });
    assert.equal(short.code, '3000');
    assert.match(short.message, /^password: .* 8 characters/);
    assert.equal(await at.store.accounts.byName('franz'), undefined);
    assert.ok((await at.register('franz', 'eight888')) > 0);
  });

  test('hashed by an older version is accepted, and hashed anew at the next login', async () => {
    const { account } = await at.store.accounts.register('gustav' as UserName, SCRYPT);
    const { userId } = account;
    const stored = async () => (await at.store.accounts.byId(userId))?.passwordHash;
    assert.equal((await logIn(userId, 'gustav', 'wrong')).code, '9100');
    assert.equal(await stored(), SCRYPT);
    assert.equal((await logIn(userId, 'gustav', 'pleaseletmein')).code, '9000');
    assert.match((await stored()) ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.equal((await at.post('/offLine', { userId })).code, '9100');
    const known = await at.post('/registerAccount', { userName: 'gustav', password: 'pleaseletmein' });
    assert.equal(known.code, '9000', 'the same password, by the new hash');
  });
});

test('several devices: the one that changes the password goes on, every other one is out, waiting logins too', async (t) => {
  const at = await RunningRoute.start({ config: { sessionPolicy: 'devices' } });
  t.after(() => at.stop());
  const userId = await at.register('pia', OLD);
  const logIn = async (device: string, proof: object) => {
    const { code, dataBody } = await at.post('/login', {
      ...{ userId, userName: 'pia', wire: 2, device: `device-of-pia-${device}`, ...proof },
    });
    return { code, ...(dataBody as { session: string; epoch: Epoch } | null) };
  };
  const live = async (device: string) => {
    const { epoch, session } = await logIn(device, { password: OLD });
    await at.store.sessions.claim({ userId, epoch: epoch as Epoch, instance: INSTANCE, claim: device });
    return { session, epoch };
  };
  const [phone, desk, away] = [await live('phone'), await live('desk'), await live('away')];
  await at.store.sessions.release(
    { userId, device: 'device-of-pia-away' as DeviceId },
    away.epoch as Epoch,
    INSTANCE,
  );
  const waiting = await logIn('waiting', { password: OLD });
  const answer = await at.post(
    '/changePassword',
    { userId, password: OLD, newPassword: NEW },
    { authorization: `Bearer ${phone.session ?? ''}` },
  );
  assert.equal(answer.code, '9000', answer.message);
  const located = await at.store.sessions.locate(userId);
  assert.deepEqual(
    located.map(({ device }) => device),
    ['device-of-pia-phone'],
  );
  for (const [device, { session }] of [
    ['desk', desk],
    ['away', away],
    ['waiting', waiting],
  ] as const)
    assert.equal((await logIn(device, { session })).code, '9100', device);
  const { epoch } = waiting;
  const late = await at.store.sessions.claim({
    userId,
    epoch: epoch as Epoch,
    instance: INSTANCE,
    claim: 'w',
  });
  assert.equal(late.outcome, 'refused');
  assert.equal((await logIn('phone', { session: phone.session })).code, '9000');
  assert.equal((await logIn('desk', { password: NEW })).code, '9000');
});

test('a store that takes no new hash does not prevent logins', async (t) => {
  const at = await RunningRoute.start({
    storeFor: (store) => ({
      ...store,
      accounts: {
        register: (...of) => store.accounts.register(...of),
        byId: (...of) => store.accounts.byId(...of),
        byName: (...of) => store.accounts.byName(...of),
        bySubject: (...of) => store.accounts.bySubject(...of),
        rename: (...of) => store.accounts.rename(...of),
        adopt: (...of) => store.accounts.adopt(...of),
        replacePassword: () => Promise.reject(new Error('away')),
      },
    }),
  });
  t.after(() => at.stop());
  const { account } = await at.store.accounts.register('hanna' as UserName, SCRYPT);
  const login = { userId: account.userId, userName: 'hanna', password: 'pleaseletmein', wire: 2 };
  assert.equal((await at.post('/login', login)).code, '9000');
});
