/** The route's part of the CIM contract: one case a row, with the exact shape of every answer. */
import assert from 'node:assert/strict';
import { before, describe, test, after } from 'node:test';
import {
  ANY_INSTANCE,
  CIM_DEVICE,
  DEFAULT_DEVICE,
  type Epoch,
  groupStream,
  inboxOf,
  LOBBY,
  type UserId,
} from '@cim/protocol';
import { clusterKey } from '@cim/runtime';
import { openTicket } from '@cim/store';
import { type Answer, INSTANCE, RunningRoute, SECRET } from '../test/running-route.ts';
import { Passwords } from './passwords.ts';

const OFFLINE = 'You selected user is offline!, please try again later!';
const UNKNOWN = 'The User information you have used is incorrect!';

const shape = ({ status, code, message, reqNo, dataBody }: Answer) => ({
  status,
  code,
  message,
  reqNo,
  dataBody,
});
const ok = (dataBody: unknown, reqNo: string | null = null) => ({
  status: 200,
  code: '9000',
  message: 'Success',
  reqNo,
  dataBody,
});
const no = (code: string, message: string, reqNo: string | null = null) => ({
  status: 200,
  code,
  message,
  reqNo,
  dataBody: null,
});

describe('the paths of the contract', { concurrency: false }, () => {
  let at: RunningRoute;
  before(async () => {
    at = await RunningRoute.start();
  });
  after(() => at.stop());

  test('/registerAccount answers the new account, or the existing account of the name', async () => {
    const first = await at.post('/registerAccount', { userName: 'Ada', reqNo: '1', timeStamp: 0 });
    const { userId } = first.dataBody as { userId: number };
    assert.ok(Number.isSafeInteger(userId) && userId > 0);
    assert.deepEqual(shape(first), ok({ userId, userName: 'Ada' }, '1'));
    assert.deepEqual(
      shape(await at.post('/registerAccount', { userName: 'aDA' })),
      ok({ userId, userName: 'Ada' }),
    );
  });

  test('/login answers where to connect, and nothing more', async () => {
    const userId = await at.register('berta');
    assert.deepEqual(
      shape(await at.post('/login', { userId, userName: 'berta', reqNo: 'x', password: null, wire: null })),
      ok({ ip: '127.0.0.1', cimServerPort: 11211, httpPort: 8081 }, 'x'),
    );
  });

  test('/login for our own wire adds a ticket for that server, the session secret and the epoch', async () => {
    const userId = await at.register('carla');
    const { dataBody } = await at.post('/login', { userId, userName: 'CARLA', wire: 2 });
    const { ip, cimServerPort, httpPort, ticket, session, epoch, ...more } = dataBody as Record<
      string,
      unknown
    >;
    assert.deepEqual([ip, cimServerPort, httpPort, more], ['127.0.0.1', 11211, 8081, {}]);
    assert.ok(typeof ticket === 'string' && typeof session === 'string' && session.length === 43);
    const opened = openTicket(clusterKey(SECRET, 'ticket'), ticket);
    assert.ok(opened !== undefined);
    assert.deepEqual([opened.userId, opened.epoch, opened.instance], [userId, epoch, INSTANCE]);
    assert.ok(
      !JSON.stringify(await at.store.sessions.find(userId)).includes(session),
      'only its hash is kept',
    );
  });

  test('the shared address of all im-servers is given to our own wire only, with a ticket for any of them', async (t) => {
    for (const [advertiseUrl, ip, port] of [
      ['wss://chat.example/cim', '127.0.0.1', 11211],
      ['tcp://[2001:db8::1]:4433', '2001:db8::1', 4433],
      ['tls://chat.example:4433', 'chat.example', 4433],
    ] as const) {
      const own = await RunningRoute.start({ config: { advertiseUrl } });
      t.after(() => own.stop());
      const userId = await own.register('carla');
      const cims = ok({ ip: '127.0.0.1', cimServerPort: 11211, httpPort: 8081 });
      const other = await own.register('berta');
      assert.deepEqual(shape(await own.post('/login', { userId: other, userName: 'berta' })), cims);
      const { dataBody } = await own.post('/login', { userId, userName: 'carla', wire: 2 });
      const placed = dataBody as {
        ip: string;
        cimServerPort: number;
        url: string;
        ticket: string;
        epoch: number;
      };
      assert.deepEqual([placed.ip, placed.cimServerPort, placed.url], [ip, port, advertiseUrl]);
      const opened = openTicket(clusterKey(SECRET, 'ticket'), placed.ticket);
      assert.deepEqual(opened, { userId, epoch: placed.epoch, instance: ANY_INSTANCE });
    }
  });

  test('/onlineUser answers who is online, ascending by id, and by pages', async (t) => {
    const own = await RunningRoute.start();
    t.after(() => own.stop());
    assert.deepEqual(shape(await own.get('/onlineUser')), ok([]));
    const users: { userId: UserId; userName: string }[] = [];
    for (const userName of ['zora', 'mia', 'Änne'])
      users.push({ userId: (await own.join(userName)).userId, userName });
    await own.register('away');
    const later = await RunningRoute.start({ storeFor: () => own.store });
    t.after(() => later.stop());
    assert.deepEqual(shape(await later.get('/onlineUser')), ok(users));
    for (const [query, from, to, more] of [
      ['', 0, 3, null],
      ['?limit=2', 0, 2, 'true'],
      ['?limit=3', 0, 3, null],
      [`?limit=2&after=${users[1]?.userId ?? 0}`, 2, 3, null],
      [`?after=${users[2]?.userId ?? 0}`, 3, 3, null],
    ] as const) {
      const { dataBody, headers } = await later.get(`/onlineUser${query}`);
      assert.deepEqual([dataBody, headers.get('x-cim-more')], [users.slice(from, to), more], query);
    }
    assert.deepEqual((await later.get('/onlineUser?limit=0')).code, '3000');
  });

  test('/offLine answers null and closes the channel', async () => {
    const { userId, epoch } = await at.join('dora');
    assert.deepEqual(shape(await at.post('/offLine', { userId, msg: 'offLine', reqNo: '9' })), ok(null, '9'));
    assert.ok(at.rung.includes(`kick ${userId} ${epoch} logged-out`));
    assert.deepEqual(await at.store.sessions.locate(userId), []);
    assert.deepEqual(shape(await at.post('/offLine', { userId, msg: 'again' })), ok(null));
  });

  test('/p2pRoute stores one entry, also for a batch, and rings the im-server of the recipient', async () => {
    const [from, to] = [await at.register('emil'), (await at.join('fred')).userId];
    const cimSends = {
      userId: from,
      receiveUserId: to,
      reqNo: null,
      timeStamp: null,
      msg: 'hi',
      batchMsg: null,
    };
    assert.deepEqual(shape(await at.post('/p2pRoute', cimSends)), ok(null));
    assert.deepEqual(
      shape(await at.post('/p2pRoute', { ...cimSends, msg: null, batchMsg: ['a', 'b'] })),
      ok(null),
    );
    assert.deepEqual(shape(await at.post('/p2pRoute', { ...cimSends, msg: 'c', batchMsg: ['d'] })), ok(null));
    assert.deepEqual(await at.entries(inboxOf(to)), [['hi'], ['a', 'b'], ['c', 'd']]);
    assert.equal(at.rung.filter((ring) => ring === `deliver ${to}`).length, 3);
  });

  test('/p2pRoute to an offline user answers 7000, and the message is stored', async () => {
    const [from, to] = [await at.register('gero'), await at.register('hans')];
    const sent = await at.post('/p2pRoute', { userId: from, receiveUserId: to, msg: 'later', reqNo: '3' });
    assert.deepEqual(shape(sent), no('7000', OFFLINE, '3'));
    assert.deepEqual(await at.entries(inboxOf(to)), [['later']]);
  });

  test('/groupRoute stores one entry for all and rings each im-server once', async () => {
    const userId = await at.register('ines');
    const before = (await at.entries(groupStream(LOBBY))).length;
    const rings = at.rung.length;
    assert.deepEqual(shape(await at.post('/groupRoute', { userId, msg: 'all', reqNo: '4' })), ok(null, '4'));
    assert.deepEqual((await at.entries(groupStream(LOBBY))).slice(before), [['all']]);
    assert.deepEqual(at.rung.slice(rings), ['broadcast lobby']);
  });

  test('/fetchOfflineMsgs answers null and tells the im-server of the receiver, if there is one', async () => {
    const { userId } = await at.join('jana');
    assert.deepEqual(shape(await at.post('/fetchOfflineMsgs', { receiveUserId: userId })), ok(null));
    assert.ok(at.rung.includes(`fetchOffline ${userId}`));
    const away = await at.register('karl');
    assert.deepEqual(shape(await at.post('/fetchOfflineMsgs', { receiveUserId: away })), ok(null));
    assert.ok(!at.rung.includes(`fetchOffline ${away}`));
  });

  test('9100 answers an unknown account and a wrong name, on each path that names one', async () => {
    const userId = await at.register('lena');
    const cases: [string, object][] = [
      ['/login', { userId, userName: 'nobody' }],
      ['/login', { userId: 1, userName: 'lena' }],
      ['/offLine', { userId: 1 }],
      ['/p2pRoute', { userId: 1, receiveUserId: userId, msg: 'x' }],
      ['/groupRoute', { userId: 1, msg: 'x' }],
      ['/fetchOfflineMsgs', { receiveUserId: 1 }],
    ];
    for (const [path, body] of cases)
      assert.deepEqual(
        shape(await at.post(path, { ...body, reqNo: '5' })),
        { ...no('9100', UNKNOWN, '5'), status: /Route$/.test(path) ? 400 : 200 },
        path,
      );
    const nobody = await at.post('/p2pRoute', { userId, receiveUserId: 1, msg: 'x' });
    assert.deepEqual([nobody.status, nobody.code], [400, '9100']);
  });

  test('5000 answers a second login, and the first session goes on', async () => {
    const { userId, epoch } = await at.join('mona');
    assert.deepEqual(
      shape(await at.post('/login', { userId, userName: 'mona' })),
      no('5000', 'Repeat login, log out an account please!'),
    );
    assert.deepEqual(await at.store.sessions.locate(userId), [
      { device: CIM_DEVICE, instance: INSTANCE, epoch },
    ]);
  });

  test('a session that its im-server does not know, because the store has lost its end, locks nobody out', async () => {
    let holds = true;
    const forgetful = await RunningRoute.start({ holds: () => holds });
    try {
      const { userId } = await forgetful.join('olga');
      const logIn = async () => (await forgetful.post('/login', { userId, userName: 'olga' })).code;
      assert.equal(await logIn(), '5000');
      holds = false;
      assert.equal(await logIn(), '9000');
    } finally {
      await forgetful.stop();
    }
  });

  test('3000 is HTTP 200, for a send 400 and for an unknown path 404; it echoes the request number and names the field', async () => {
    const cases: [string, object, number, RegExp][] = [
      ['/registerAccount', { userName: null }, 200, /^userName must be string$/],
      ['/login', { userName: 'x' }, 200, /^userId is missing$/],
      ['/login', { userId: 1, userName: 'x', wire: 3 }, 200, /^wire must be <= 2$/],
      ['/p2pRoute', { userId: 1, receiveUserId: '2', msg: 'x' }, 400, /^receiveUserId must be integer$/],
      ['/groupRoute', { userId: 2 ** 53, msg: 'x' }, 400, /^userId must be <= 9007199254740991$/],
      ['/nowhere', {}, 404, /^there is no POST \/nowhere here$/],
    ];
    for (const [path, body, status, message] of cases) {
      const answer = await at.post(path, { ...body, reqNo: 'r' });
      assert.deepEqual(
        [answer.status, answer.code, answer.reqNo, answer.dataBody],
        [status, '3000', 'r', null],
      );
      assert.match(answer.message, message);
    }
    for (const path of ['/login', '/%zz']) {
      const { status, code } = await at.get(path);
      assert.deepEqual([status, code], [404, '3000'], path);
    }
  });

  test('a body that is not UTF-8 is refused, and nothing of it is stored', async () => {
    const [from, to] = [await at.register('otto'), await at.register('petra')];
    const bytes = (tail: number[]) =>
      Buffer.concat([
        Buffer.from(`{"userId":${from},"receiveUserId":${to},"msg":"`),
        Buffer.from(tail),
        Buffer.from('"}'),
      ]);
    // Latin-1, a truncated sequence, an overlong one, half of a surrogate pair.
    for (const tail of [[0xe9], [0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80]]) {
      const { status, code, message } = await at.post('/p2pRoute', bytes(tail));
      assert.deepEqual([status, code, message], [400, '3000', 'the body is not UTF-8']);
    }
    assert.deepEqual(await at.entries(inboxOf(to)), []);
    assert.equal((await at.post('/p2pRoute', bytes([0xe2, 0x82, 0xac]))).code, '7000');
    assert.deepEqual(await at.entries(inboxOf(to)), [['\u20ac']]);
  });

  test('a request number that is a number is echoed as the text that CIM makes of it', async () => {
    assert.equal((await at.post('/registerAccount', { userName: 'nora', reqNo: 12 })).reqNo, '12');
    assert.equal((await at.post('/registerAccount', { userName: 'nora', reqNo: null })).reqNo, null);
    assert.equal((await at.post('/registerAccount', { userName: 'nora', reqNo: {} })).code, '3000');
  });

  test('half of a surrogate pair is replaced, so that everybody can read the entry', async () => {
    const [from, to] = [await at.register('olga'), await at.register('paul')];
    const raw = `{"userId":${from},"receiveUserId":${to},"msg":"a\\ud800b","batchMsg":["\\udc00","\\ud83d\\ude00"]}`;
    assert.equal((await at.post('/p2pRoute', raw)).code, '7000');
    assert.deepEqual(await at.entries(inboxOf(to)), [['a\ufffdb', '\ufffd', '😀']]);
  });

  test('a password for the name of an account without one is refused, and not ignored', async () => {
    await at.register('quinn');
    const answer = await at.post('/registerAccount', { userName: 'quinn', password: 'mine' });
    assert.equal(answer.code, '9100');
    assert.match(answer.message, /quinn exists and has no password/);
  });

  test('of simultaneous registrations of one name with different passwords one wins', async () => {
    const answers = await Promise.all(
      ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'].map((password) =>
        at.post('/registerAccount', { userName: 'race', password }),
      ),
    );
    assert.deepEqual(answers.map(({ code }) => code).sort(), ['9000', '9100', '9100']);
  });
});

test('7100 answers a login when no im-server is listed or none answers, and nothing is stored', async (t) => {
  const at = await RunningRoute.start({ listed: false });
  t.after(() => at.stop());
  const userId = await at.register('ruth');
  const none = no('7100', 'cim server is not available, please try again later!');
  assert.deepEqual(shape(await at.post('/login', { userId, userName: 'ruth' })), none);
  await at.membership.announce({ host: '127.0.0.1', tcpPort: 2, httpPort: 1 });
  assert.deepEqual(shape(await at.post('/login', { userId, userName: 'ruth' })), none, "CIM's own server");
  const deaf = 'another-instance' as typeof INSTANCE;
  await at.membership.announce({ host: '127.0.0.1', tcpPort: 2, httpPort: 1, instance: deaf });
  assert.deepEqual(
    shape(await at.post('/login', { userId, userName: 'ruth' })),
    none,
    'nobody listens there',
  );
  assert.deepEqual(await at.store.sessions.find(userId), []);
  await at.list();
  assert.equal((await at.post('/login', { userId, userName: 'ruth' })).code, '9000');
});

test('under the policy kick a second login is issued', async (t) => {
  const at = await RunningRoute.start({ config: { sessionPolicy: 'kick' } });
  t.after(() => at.stop());
  const { userId, epoch } = await at.join('sam');
  const { dataBody } = await at.post('/login', { userId, userName: 'sam', wire: 2 });
  assert.equal((dataBody as { epoch: number }).epoch, epoch + 1);
});

test('6000 answers logins and registrations over the rate, with 503 and a time to wait', async (t) => {
  const at = await RunningRoute.start({ config: { loginRate: 1 } });
  t.after(() => at.stop());
  const userId = await at.register('tom');
  assert.equal((await at.post('/login', { userId, userName: 'tom' })).code, '9000');
  for (const path of ['/login', '/registerAccount']) {
    const answer = await at.post(path, { userId, userName: 'tom', reqNo: '6' });
    assert.deepEqual([answer.status, answer.code, answer.reqNo], [503, '6000', '6']);
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.match(answer.message, /try again in 1 s/);
  }
});

test('a login that shows the secret of its session hashes no password', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const userId = await at.register('uma', 'hush-hush');
  const hashed = t.mock.method(Passwords.prototype, 'matches');
  const login = { userId, userName: 'uma', password: 'hush-hush', wire: 2 };
  const first = await at.post('/login', login);
  assert.equal(hashed.mock.callCount(), 1);
  const { session } = first.dataBody as { session: string };
  for (const password of ['hush-hush', 'another', undefined]) {
    const again = await at.post('/login', { ...login, password, session });
    assert.equal(again.code, '9000', again.message);
  }
  assert.equal(hashed.mock.callCount(), 1);
});

test('a logout revokes: afterwards the secret reads nothing, sends nothing and logs nobody in', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const userId = await at.register('vera', 'correct horse');
  const logIn = { userId, userName: 'vera', wire: 2 };
  const placed = async (by: object) =>
    (await at.post('/login', { ...logIn, ...by })).dataBody as { session: string; epoch: Epoch };
  const opens = async (session: string): Promise<string[]> => {
    const bearer = { authorization: `Bearer ${session}` };
    const answers = [
      await at.get(`/history?userId=${userId}&stream=inbox`, bearer),
      await at.post('/groupRoute', { userId, msg: 'still me' }, bearer),
      await at.post('/p2pRoute', { userId, receiveUserId: userId, msg: 'still me' }, bearer),
      await at.post('/fetchOfflineMsgs', { receiveUserId: userId }, bearer),
      await at.post('/login', { ...logIn, session }),
      await at.post('/offLine', { userId }, bearer),
    ];
    return answers.map(({ code }) => code);
  };
  const revoked = Array.from({ length: 6 }, () => '9100');

  const live = await placed({ password: 'correct horse' });
  await at.store.sessions.claim({ userId, instance: INSTANCE, epoch: live.epoch, claim: 'c' });
  const bearer = { authorization: `Bearer ${live.session}` };
  assert.equal((await at.post('/offLine', { userId }, bearer)).code, '9000');
  assert.deepEqual(at.rung.slice(-1), [`kick ${userId} ${live.epoch} logged-out`]);
  assert.deepEqual(await opens(live.session), revoked);

  const lost = await placed({ password: 'correct horse' });
  await at.store.sessions.claim({ userId, instance: INSTANCE, epoch: lost.epoch, claim: 'd' });
  await at.store.sessions.release({ userId, device: DEFAULT_DEVICE }, lost.epoch, INSTANCE);
  const newer = await placed({ session: lost.session });
  assert.ok(newer.session.length > 0, 'a lost connection takes no secret away');
  await at.post('/offLine', { userId }, { authorization: `Bearer ${lost.session}` });
  assert.deepEqual(await opens(lost.session), revoked, 'a newer login keeps no older secret');
  assert.equal(
    (await at.get(`/history?userId=${userId}&stream=inbox`, { authorization: `Bearer ${newer.session}` }))
      .code,
    '9000',
    'what is newer than the secret stays',
  );
});

test("an account with a password cannot log in on CIM's wire, which has no field for a password", async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const userId = await at.register('walt', 'correct horse');
  const login = { userId, userName: 'walt' };
  const { session } = (await at.post('/login', { ...login, password: 'correct horse', wire: 2 }))
    .dataBody as { session: string };
  for (const by of [{ password: 'correct horse' }, { session }]) {
    const answer = await at.post('/login', { ...login, ...by });
    assert.deepEqual([answer.status, answer.code], [200, '9100']);
    assert.match(answer.message, /walt has a password.*"wire": 2/);
  }
});

test('under CIM_AUTH=password the secret of an account without a password opens no session', async (t) => {
  const open = await RunningRoute.start();
  t.after(() => open.stop());
  const strict = await RunningRoute.start({ config: { auth: 'password' }, storeFor: () => open.store });
  t.after(() => strict.stop());
  const login = { userId: await open.register('xenia'), userName: 'xenia', wire: 2 };
  const { session } = (await open.post('/login', login)).dataBody as { session: string };
  assert.equal((await strict.post('/login', { ...login, session })).code, '9100');
});
