/** A store that fails, clients that violate HTTP, and a stop while requests are under way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { inboxOf } from '@cim/protocol';
import type { AppendAnswer, Store } from '@cim/store';
import { RunningRoute } from '../test/running-route.ts';

/** The store, with appends that answer `answers` before the real store is used. */
const failingAppends =
  (answers: AppendAnswer['outcome'][], alsoStore = false) =>
  (store: Store): Store => ({
    ...store,
    streams: {
      read: (...of) => store.streams.read(...of),
      kept: store.streams.kept,
      peek: (...of) => store.streams.peek(...of),
      position: (...of) => store.streams.position(...of),
      positions: (...of) => store.streams.positions(...of),
      markDirty: (...of) => store.streams.markDirty(...of),
      takeDirty: (...of) => store.streams.takeDirty(...of),
      counters: (...of) => store.streams.counters(...of),
      events: (...of) => store.streams.events(...of),
      cursor: (...of) => store.streams.cursor(...of),
      highestCursor: (...of) => store.streams.highestCursor(...of),
      ack: (...of) => store.streams.ack(...of),
      append: (item, done) => {
        const next = answers.shift();
        if (next === undefined) return store.streams.append(item, done);
        const failed = () => done({ outcome: next, cause: new Error('away') } as AppendAnswer);
        if (alsoStore) store.streams.append(item, failed);
        else setImmediate(failed);
      },
    },
  });

/** Sends bytes on a connection, and answers everything received until the other side has closed it. */
async function raw(
  { route }: RunningRoute,
  text: string,
): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect({ host: route.host, port: route.port });
  await once(socket, 'connect');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close').then(() => answer);
  socket.write(text);
  return { socket, answer: closed };
}

test('/p2pRoute does not answer "offline" for a recipient that the store could not locate', async (t) => {
  let fails = true;
  const at = await RunningRoute.start({
    storeFor: (store) => {
      const sessions = Object.create(store.sessions) as Store['sessions'];
      sessions.locate = (user) =>
        fails ? Promise.reject(new Error('no answer')) : store.sessions.locate(user);
      return { ...store, sessions };
    },
    delivers: () => 'gone',
  });
  t.after(() => at.stop());
  const [from, to] = [await at.register('ann'), await at.register('ben')];
  const send = async () => (await at.post('/p2pRoute', { userId: from, receiveUserId: to, msg: 'hi' })).code;
  assert.equal(await send(), '9000');
  // The sender's other devices, rung for the copy, could not be located either.
  assert.deepEqual(at.rung, [`deliver ${to}`, `deliver ${from}`]);
  fails = false;
  assert.equal(await send(), '7000');
});

test('without the store every path answers 4000, HTTP 503, and the route is alive but not ready', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  await at.store.stop();
  const cases: [string, object][] = [
    ['/registerAccount', { userName: 'ann' }],
    ['/login', { userId: 1001, userName: 'ann' }],
    ['/offLine', { userId: 1001 }],
    ['/p2pRoute', { userId: 1001, receiveUserId: 1002, msg: 'x' }],
    ['/groupRoute', { userId: 1001, msg: 'x' }],
    ['/fetchOfflineMsgs', { receiveUserId: 1001 }],
  ];
  const answers = await Promise.all(cases.map(([path, body]) => at.post(path, { ...body, reqNo: '7' })));
  for (const { status, code, message, reqNo, dataBody, headers } of answers) {
    assert.deepEqual([status, code, message, reqNo, dataBody], [503, '4000', 'Failure', '7', null]);
    assert.ok(Number(headers.get('retry-after')) >= 1);
  }
  const ready = await fetch(`${at.route.url}/readyz`);
  const { missing } = (await ready.json()) as { missing: string[] };
  assert.equal(ready.status, 503);
  assert.match(missing.join(), /^store: [^\n]+$/);
  assert.equal((await fetch(`${at.route.url}/healthz`)).status, 200);
});

test('a store that fails for a moment, even after it has stored, costs only time: one entry, one success', async (t) => {
  for (const alsoStore of [false, true]) {
    const at = await RunningRoute.start({ storeFor: failingAppends(['retry', 'retry'], alsoStore) });
    t.after(() => at.stop());
    const [userId, { userId: to }] = [await at.register('ben'), await at.join('cleo')];
    // For a send without a key the embedded store itself knows which batch has failed (failed-batch.test.ts).
    const headers: Record<string, string> = alsoStore ? { 'idempotency-key': 'of a caller' } : {};
    const answer = await at.post('/p2pRoute', { userId, receiveUserId: to, msg: 'once' }, headers);
    assert.equal(answer.code, '9000');
    assert.deepEqual(await at.entries(inboxOf(to)), [['once']]);
  }
});

test('a message that is not stored is never answered with HTTP 200, which CIM’s client takes for sent', async (t) => {
  const outcomes: AppendAnswer['outcome'][] = ['retry', 'retry', 'retry', 'full'];
  const at = await RunningRoute.start({ storeFor: failingAppends(outcomes) });
  t.after(() => at.stop());
  const [userId, to] = [await at.register('dan'), await at.register('eve')];
  const send = () => at.post('/p2pRoute', { userId, receiveUserId: to, msg: 'x' });
  for (const code of ['4000', '6000']) {
    const answer = await send();
    assert.deepEqual([answer.status, answer.code], [503, code]);
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  }
  assert.deepEqual(await at.entries(inboxOf(to)), []);
  const metrics = await (await fetch(`${at.route.internal.url}/metrics`)).text();
  for (const outcome of ['retry', 'refused'])
    assert.match(metrics, new RegExp(`cim_sends_total\\{door="p2pRoute",outcome="${outcome}",[^}]*\\} 1`));
});

test('a route that lists no im-server of ours says whether it lists servers of CIM', async (t) => {
  const at = await RunningRoute.start({ listed: false });
  t.after(() => at.stop());
  const missing = async () => {
    const answer = (await (await fetch(`${at.route.url}/readyz`)).json()) as {
      missing: string[];
      foreign: number;
    };
    return [answer.missing.join(), answer.foreign];
  };
  assert.deepEqual(await missing(), ['im-server: embedded has listed none yet', 0]);
  await at.membership.announce({ host: '10.0.0.9', tcpPort: 11211, httpPort: 8081 });
  assert.deepEqual(await missing(), ['im-server: embedded lists no im-server of ours (1 foreign)', 1]);
});

test('a route that has seen an im-server stays ready when all are away: sends need the store alone', async (t) => {
  const at = await RunningRoute.start({ listed: false });
  t.after(() => at.stop());
  const ready = async () => (await fetch(`${at.route.url}/readyz`)).status;
  assert.equal(await ready(), 503);
  await at.list();
  await at.membership.withdraw();
  assert.equal(await ready(), 200);
});

test('bytes that are not HTTP are answered and the connection closed, and half a request harms nobody', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const json = 'Host: localhost\r\nContent-Type: application/json\r\n';
  const broken = [
    '\x16\x03\x01\x02\x00 hello\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `POST /login HTTP/1.1\r\n${json}Content-Length: -5\r\n\r\n{}`,
    `POST /login HTTP/1.1\r\n${json}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    `GET /onlineUser HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  ];
  for (const text of broken) {
    const { answer } = await raw(at, text);
    assert.match(await answer, /^HTTP\/1\.1 4\d\d /);
  }
  const half = await raw(at, `POST /login HTTP/1.1\r\n${json}Content-Length: 100\r\n\r\n{"userId":`);
  half.socket.destroy();
  const wrongLength = await raw(
    at,
    `POST /login HTTP/1.1\r\n${json}Content-Length: 5\r\nConnection: close\r\n\r\n{"use`,
  );
  assert.match(await wrongLength.answer, /"code":"3000"/);
  assert.ok((await at.register('finn')) > 0);
});

test('hostile JSON is refused as a wrong field, or ignored', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const userId = await at.register('gina');
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const bodies = [
    'null',
    '7',
    '"x"',
    '[]',
    deep,
    `{"userId":${deep},"msg":"x"}`,
    '{"__proto__":{"userId":1}}',
    `{"userId":1e400,"msg":"x"}`,
    `{"userId":${userId}.5,"msg":"x"}`,
    `{"userId":${userId},"msg":{"toString":null}}`,
    `{"userId":${userId},"batchMsg":[${Array(60_000).fill('1').join()}]}`,
    `{"userId":${userId},"batchMsg":{"length":1,"0":"x"}}`,
  ];
  for (const body of bodies) {
    const { status, code } = await at.post('/groupRoute', body);
    assert.deepEqual([status, code], [400, '3000'], body.slice(0, 60));
  }
  // One message for the whole list; a message for each item would hold the event loop for long.
  const { message } = await at.post('/groupRoute', { userId, batchMsg: Array(60_000).fill(1) });
  assert.equal(message, 'batchMsg has 60000 texts; at most 100 are allowed');
  assert.equal(({} as { userId?: unknown }).userId, undefined);
});

test('a stop answers requests under way, and does not wait for kept-alive connections', async () => {
  let goOn = (): void => undefined;
  let asked = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (asked = resolve));
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const at = await RunningRoute.start({
    storeFor: (store) => ({
      ...store,
      accounts: {
        register: (...of) => store.accounts.register(...of),
        replacePassword: (...of) => store.accounts.replacePassword(...of),
        byName: (...of) => store.accounts.byName(...of),
        bySubject: (...of) => store.accounts.bySubject(...of),
        rename: (...of) => store.accounts.rename(...of),
        adopt: (...of) => store.accounts.adopt(...of),
        byId: async (id) => {
          asked();
          await gate;
          return store.accounts.byId(id);
        },
      },
    }),
  });
  const userId = await at.register('hugo');
  const answer = at.post('/groupRoute', { userId, msg: 'x' });
  await arrived;
  const stopped = at.route.stop();
  goOn();
  assert.equal((await answer).code, '9000');
  const began = performance.now();
  await stopped;
  assert.ok(performance.now() - began < 2_000);
  await assert.rejects(fetch(`${at.route.url}/healthz`));
  await at.stop();
});

test('a stop waits a limited time for a client that never finishes its request', async () => {
  const at = await RunningRoute.start({ closeWithinMs: 100 });
  const { answer } = await raw(at, 'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{');
  assert.ok((await at.register('ida')) > 0, 'the half request has been read');
  await at.stop();
  await answer;
});

test('a port that is taken, and an address that is not here, are one line each', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  const taken = RunningRoute.start({ config: { routePort: at.route.port } });
  await assert.rejects(taken, new RegExp(`^Error: port ${at.route.port} on 127.0.0.1 is in use[^\\n]*$`));
  await assert.rejects(
    RunningRoute.start({ config: { host: '203.0.113.1' } }),
    /^Error: [^\n]*203\.0\.113\.1[^\n]*$/,
  );
});
