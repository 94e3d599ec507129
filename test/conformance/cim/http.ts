/** What CIM's paths answer. None of these rules touches the frames. */
import assert from 'node:assert/strict';
import type { RuleIn } from '../rule.ts';
import { type CimWorld, framesBeforePong, framesUpTo, live, nextOf } from './cim-world.ts';
import { eventually } from '../waiting.ts';

const REPEAT = 'Repeat login, log out an account please!';
const UNKNOWN = 'The User information you have used is incorrect!';
/** An account that nobody has. */
const NOBODY = 999_999_999;
const where = 'http.md#cims-paths';

export const CIM_HTTP_RULES: readonly RuleIn<CimWorld>[] = [
  {
    name: 'cim/envelope/login-has-three-fields',
    says: 'A success has exactly the four fields of the envelope and `reqNo` null without one; `/login` answers `ip`, `cimServerPort` and `httpPort`.',
    where,
    check: async ({ somebody }) => {
      const client = await somebody();
      const { code, message, reqNo, dataBody } = await client.logIn();
      assert.deepEqual({ code, message, reqNo }, { code: '9000', message: 'Success', reqNo: null });
      const place = dataBody as Readonly<Record<string, unknown>>;
      const types = Object.fromEntries(Object.entries(place).map(([key, value]) => [key, typeof value]));
      assert.deepEqual(types, { ip: 'string', cimServerPort: 'number', httpPort: 'number' });
      await client.logOut();
    },
  },
  {
    name: 'cim/envelope/reqno-echoed',
    says: '`reqNo` of a request is echoed in successes and in refusals, and is null without one.',
    where,
    check: async ({ ask, somebody }) => {
      const { userId, userName } = await somebody();
      const rows: [string, object, string, number][] = [
        ['/registerAccount', { userName }, '9000', 200],
        ['/registerAccount', {}, '3000', 200],
        ['/login', { userId, userName }, '9000', 200],
        ['/login', { userId, userName }, '5000', 200],
        ['/groupRoute', { userId: 1, msg: 'x' }, '9100', 400],
        ['/offLine', { userId, msg: 'x' }, '9000', 200],
        ['/nowhere', {}, '3000', 404],
      ];
      for (const [path, body, code, status] of rows) {
        const answer = await ask(path, { ...body, reqNo: 'r-1', timeStamp: 7 });
        assert.deepEqual([answer.code, answer.reqNo, answer.status], [code, 'r-1', status], path);
      }
      assert.equal((await ask('/registerAccount', {})).reqNo, null, 'without reqNo');
    },
  },
  {
    name: 'cim/envelope/unknown-fields-ignored',
    says: 'Unknown fields and nulls in a request are ignored on every path.',
    where,
    check: async ({ ask, somebody }) => {
      const { userId, userName } = await somebody();
      const nothing = { reqNo: null, timeStamp: null, password: null, session: null, wire: null };
      const more = { ...nothing, extra: { a: [1] } };
      const rows: [string, object][] = [
        ['/registerAccount', { userName }],
        ['/login', { userId, userName }],
        ['/groupRoute', { userId, msg: 'x', batchMsg: null }],
        ['/fetchOfflineMsgs', { receiveUserId: userId }],
        ['/offLine', { userId, msg: null }],
      ];
      for (const [path, body] of rows)
        assert.equal((await ask(path, { ...more, ...body })).code, '9000', path);
      const p2p = { ...more, userId, receiveUserId: userId, msg: 'x', batchMsg: null };
      assert.equal((await ask('/p2pRoute', p2p)).code, '7000', '/p2pRoute');
    },
  },
  {
    name: 'cim/envelope/idle-connections-stay',
    says: 'The route keeps idle HTTP connections for over 5 minutes and says so in `Keep-Alive`.',
    where,
    check: async ({ ask }) => {
      const { headers } = await ask('/onlineUser');
      const keepAlive = headers.get('keep-alive') ?? '';
      const seconds = Number(/timeout=(\d+)/.exec(keepAlive)?.[1]);
      assert.ok(seconds > 300, `Keep-Alive is to have a timeout above 300, it is "${keepAlive}"`);
    },
  },
  {
    name: 'cim/names/existing-name-same-account',
    says: '`/registerAccount` with a name that exists answers its own account, whose id is a positive integer below 2^53.',
    where: 'http.md#names',
    check: async ({ somebody }) => {
      const { userId, userName } = await somebody();
      assert.equal((await somebody(userName)).userId, userId, 'the id of the second registration');
      assert.ok(Number.isSafeInteger(userId) && userId > 0, `a positive integer is expected, came ${userId}`);
    },
  },
  {
    name: 'cim/names/redis-key-refused',
    says: 'The name `cim-route:1` is refused with 3000, which names `userName`; groups and logins go on working.',
    where: 'http.md#names',
    check: async ({ ask, somebody, online }) => {
      const { code, message } = await ask('/registerAccount', { userName: 'cim-route:1' });
      assert.equal(code, '3000', 'registering cim-route:1');
      assert.match(message, /userName/);
      const [from, to] = [await somebody(), await online()];
      assert.equal((await from.toGroup('x')).code, '9000', '/groupRoute');
      assert.equal((await to.channel.next()).text, 'x');
    },
  },
  {
    name: 'cim/names/words-of-programs',
    says: 'The names `login-status`, `__proto__`, `constructor`, `toString` and `lobby` are names like others.',
    where: 'http.md#names',
    check: async ({ online }) => {
      for (const name of ['login-status', '__proto__', 'constructor', 'toString', 'lobby']) {
        const [named, friend] = [await online(name), await online()];
        assert.equal((await named.toUser(friend.userId, 'private')).code, '9000', name);
        assert.deepEqual(await nextOf(friend), live(named, friend, 'private'), name);
        assert.equal((await named.toGroup('group')).code, '9000', name);
        assert.deepEqual(await nextOf(friend), live(named, friend, 'group'), name);
        assert.equal((await friend.toUser(named.userId, 'back')).code, '9000', name);
        assert.deepEqual(await nextOf(named), live(friend, named, 'back'), name);
        await Promise.all([named.end(), friend.end()]);
      }
    },
  },
  {
    name: 'cim/errors/bad-field-3000',
    says: 'A field that is missing or wrong is 3000, and the message says which field it is.',
    where,
    check: async ({ ask, somebody }) => {
      const { userId, userName } = await somebody();
      const rows: [string, object | string, RegExp][] = [
        ['/registerAccount', { userName: '' }, /userName/],
        ['/registerAccount', { userName: 'x'.repeat(33) }, /userName/],
        ['/login', { userId: 'x', userName }, /userId/],
        ['/login', { userId }, /userName/],
        ['/p2pRoute', { userId, msg: 'x' }, /receiveUserId/],
        ['/p2pRoute', { userId, receiveUserId: userId }, /msg/],
        ['/groupRoute', { userId, msg: null }, /msg/],
        ['/fetchOfflineMsgs', {}, /receiveUserId/],
        ['/offLine', '{"userId":', /JSON/],
      ];
      for (const [path, body, problem] of rows) {
        const answer = await ask(path, body);
        assert.equal(answer.code, '3000', path);
        assert.match(answer.message, problem);
      }
    },
  },
  {
    name: 'cim/errors/unknown-account-9100',
    says: 'An unknown account or a wrong name is 9100.',
    where,
    check: async ({ ask, somebody }) => {
      const { userId } = await somebody();
      const rows: [string, object][] = [
        ['/login', { userId: NOBODY, userName: 'x' }],
        ['/login', { userId, userName: 'x' }],
        ['/p2pRoute', { userId: NOBODY, receiveUserId: userId, msg: 'x' }],
        ['/offLine', { userId: NOBODY, msg: 'x' }],
        ['/fetchOfflineMsgs', { receiveUserId: NOBODY }],
      ];
      for (const [path, body] of rows) {
        const { code, message } = await ask(path, body);
        assert.deepEqual([code, message], ['9100', UNKNOWN], path);
      }
      const toNobody = { userId, receiveUserId: NOBODY, msg: 'x' };
      assert.equal((await ask('/p2pRoute', toNobody)).code, '9100', '/p2pRoute to nobody');
    },
  },
  {
    name: 'cim/errors/refused-send-400',
    says: "A refused `/p2pRoute` or `/groupRoute` is HTTP 400, since CIM's client takes a 200 for sent; other refusals are HTTP 200.",
    where,
    check: async ({ ask, somebody, online }) => {
      const [{ userId, userName }, to] = [await somebody(), await online()];
      const rows: [string, object | string, string, number][] = [
        ['/p2pRoute', { userId, receiveUserId: to.userId, msg: '' }, '3000', 400],
        ['/p2pRoute', { userId, receiveUserId: 'x', msg: 'x' }, '3000', 400],
        ['/p2pRoute', { userId, receiveUserId: NOBODY, msg: 'x' }, '9100', 400],
        ['/p2pRoute', { userId: NOBODY, receiveUserId: userId, msg: 'x' }, '9100', 400],
        ['/p2pRoute', '{"userId":', '3000', 400],
        ['/groupRoute', { userId, msg: 'x'.repeat(8 * 1024 + 1) }, '3000', 400],
        ['/groupRoute', { userId: NOBODY, msg: 'x' }, '9100', 400],
        ['/groupRoute', '[]', '3000', 400],
        ['/fetchOfflineMsgs', { receiveUserId: NOBODY }, '9100', 200],
        ['/login', { userId, userName: `${userName}?` }, '9100', 200],
        ['/login', '{"userId":', '3000', 200],
      ];
      for (const [path, body, code, status] of rows) {
        const answer = await ask(path, body);
        assert.deepEqual([answer.code, answer.status, answer.dataBody], [code, status, null], path);
      }
      assert.deepEqual(await framesBeforePong(to), [], 'nothing of it is delivered');
    },
  },
  {
    name: 'cim/errors/unknown-path-404',
    says: 'An unknown path is HTTP 404 with 3000 in the envelope and a message of one line; a path that cannot be decoded too.',
    where,
    check: async ({ ask }) => {
      for (const path of ['/nowhere', '/p2pRoute/x', '/%zz', '/login']) {
        const { status, code, message, dataBody } = await ask(path);
        assert.deepEqual([status, code, dataBody], [404, '3000', null], path);
        assert.match(message, /^[^\n]+$/);
      }
    },
  },
  {
    name: 'cim/errors/not-utf8-3000',
    says: 'A body that is not UTF-8 is refused with 3000, and nothing of it is stored.',
    where,
    check: async ({ ask, somebody, online }) => {
      const [{ userId }, to] = [await somebody(), await online()];
      const rows: [string, string, number][] = [
        ['/p2pRoute', `{"userId":${userId},"receiveUserId":${to.userId},"msg":"caf`, 400],
        ['/groupRoute', `{"userId":${userId},"msg":"caf`, 400],
        ['/registerAccount', '{"userName":"caf', 200],
      ];
      for (const [path, head, status] of rows) {
        const body = Buffer.concat([Buffer.from(head), Buffer.from([0xe9]), Buffer.from('"}')]);
        const answer = await ask(path, body);
        const expected = [status, '3000', 'the body is not UTF-8'];
        assert.deepEqual([answer.status, answer.code, answer.message], expected, path);
      }
      assert.deepEqual(await framesBeforePong(to), [], 'nothing of it is delivered');
    },
  },
  {
    name: 'cim/errors/password-guards-account',
    says: "Nobody acts for an account with a password on CIM's paths without its credential (9100), and `/sendMsg` of an im-server needs the cluster secret.",
    where,
    check: async ({ ask, somebody, online, newName }) => {
      const friend = await somebody();
      const userName = newName();
      const made = await ask('/registerAccount', { userName, password: 'password' });
      assert.equal(made.code, '9000', 'registering with a password');
      const { userId } = made.dataBody as { userId: number };
      const rows: [string, object][] = [
        ['/registerAccount', { userName }],
        ['/login', { userId, userName }],
        ['/p2pRoute', { userId, receiveUserId: friend.userId, msg: 'x' }],
        ['/groupRoute', { userId, msg: 'x' }],
        ['/offLine', { userId, msg: 'x' }],
        ['/fetchOfflineMsgs', { receiveUserId: userId }],
      ];
      for (const [path, body] of rows) assert.equal((await ask(path, body)).code, '9100', path);

      const { dataBody } = await friend.logIn();
      await friend.logOut();
      const { ip, httpPort } = dataBody as { ip: string; httpPort: number };
      const to = await online();
      const forged = { method: 'POST', body: JSON.stringify({ userId: to.userId, msg: 'forged' }) };
      const json = { 'content-type': 'application/json' };
      // The internal port of an im-server is mostly out of reach, which is right too.
      const said = await fetch(`http://${ip}:${httpPort}/sendMsg`, { ...forged, headers: json })
        .then((answer) => answer.text())
        .catch(() => '');
      assert.doesNotMatch(said, /9000/);
      assert.deepEqual(await framesUpTo(to, friend), [], 'nothing of it is delivered');
    },
  },
  {
    name: 'cim/online/listed-while-online',
    says: '`/onlineUser` lists a user in the fields `userId` and `userName` while the user is online, and no longer.',
    where: 'http.md#who-is-online',
    check: async ({ ask, online }) => {
      const client = await online();
      const listed = async () => {
        const { dataBody } = await ask('/onlineUser');
        return (dataBody as { userId: number; userName: string }[]).find((u) => u.userId === client.userId);
      };
      await eventually('the user is listed', async () => (await listed()) !== undefined);
      assert.deepEqual(await listed(), { userId: client.userId, userName: client.userName });
      await client.end();
      await eventually('the user is listed no more', async () => (await listed()) === undefined);
    },
  },
  {
    name: 'cim/login/second-login-5000',
    says: 'A login of a user who is logged in is 5000 and changes nothing for the first session.',
    where,
    check: async ({ somebody, online }) => {
      const [client, friend] = [await online(), await somebody()];
      const { code, message } = await client.logIn();
      assert.deepEqual([code, message], ['5000', REPEAT]);
      assert.deepEqual(await framesUpTo(client, friend), []);
    },
  },
];
