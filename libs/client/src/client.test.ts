import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CimError, CLOSE_REASONS } from '@cim/protocol';
import { collect, makeClient, server } from '../test/scripted-clients.ts';
import { until } from '../test/scripted-server.ts';
import { memoryState } from './state.ts';
import { fileState } from './node/state-file.ts';

describe('connecting', () => {
  it('registers, logs in over HTTP and TCP, resumes both streams, and says so', async () => {
    const state = memoryState();
    const client = makeClient({ password: 'secret', agent: 'test/1', state });
    const connected = collect(client, 'connected');
    await client.connect();
    assert.deepEqual(client.user, { userId: 1000, userName: 'alice' });
    assert.equal(connected.length, 1);
    assert.equal(connected[0]?.again, false);
    const [register, login] = server.requests;
    assert.deepEqual(register?.body, { userName: 'alice', password: 'secret' });
    const device = (await state.load())?.device ?? '';
    assert.equal(device.length, 22);
    const account = { userId: 1000, userName: 'alice', password: 'secret' };
    assert.deepEqual(login?.body, { ...account, device, label: 'test/1', wire: 2 });
    const [first, second] = server.peer.received;
    assert.deepEqual(
      [first?.login?.ticket, first?.login?.agent, first?.login?.level],
      ['ticket-1', 'test/1', 1],
    );
    assert.deepEqual(
      second?.resume?.cursors?.map((c) => [c.group, c.seq]),
      [
        ['', 0],
        ['lobby', 0],
      ],
    );
    assert.equal(second.resume.groups, true);
  });

  it('names the route that cannot be reached, in one line', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    await assert.rejects(
      makeClient({ routeUrl: `http://127.0.0.1:${port}` }).connect(),
      (error: CimError) => {
        assert.equal(
          error.message,
          `cannot reach the route at http://127.0.0.1:${port}: connection refused; is the server running? (npm start)`,
        );
        assert.equal(error.retryable, true);
        return true;
      },
    );
  });

  it('says when the name is logged in already, and can be tried again', async () => {
    server.http = (path) => (path === '/login' ? { code: '5000', message: 'Repeat login' } : undefined);
    const client = makeClient();
    await assert.rejects(client.connect(), { code: '5000', message: /"alice" is logged in already/ });
    server.http = () => undefined;
    await client.connect();
    assert.equal(client.online, true);
  });

  it('says when another password is needed', async () => {
    server.http = (path) => (path === '/registerAccount' ? { code: '9100', message: 'x' } : undefined);
    await assert.rejects(makeClient().connect(), { code: '9100', message: /another password/ });
  });

  it('says when what answers is not a route', async () => {
    const strange = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('hello\r\n');
    });
    await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve));
    const { port } = strange.address() as { port: number };
    try {
      await assert.rejects(makeClient({ routeUrl: `http://127.0.0.1:${port}` }).connect(), {
        message: /does not speak HTTP|is not a CIM route|the connection was cut/,
      });
    } finally {
      await new Promise((resolve) => strange.close(resolve));
    }
  });

  it('refuses an address that is none', () => {
    assert.throws(() => makeClient({ routeUrl: 'localhost:8083' }), /not an http URL/);
    assert.throws(() => makeClient({ routeUrl: 'nothing' }), /not a URL/);
  });

  it('logs in again when the TCP login was too late for its ticket', async () => {
    let refusals = 0;
    server.onLogin = (peer) => {
      if (refusals++ > 0) return false;
      peer.send({ goaway: { reason: CLOSE_REASONS.unauthorized.number, text: 'no', reconnect: false } });
      return true;
    };
    await makeClient().connect();
    assert.equal(server.epoch, 2);
  });
});

describe('staying connected', () => {
  it('ends, without coming back, when a later login replaced the session', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    const { number, text } = CLOSE_REASONS.superseded;
    server.peer.send({ goaway: { reason: number, text, reconnect: false } });
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'superseded');
    assert.equal(server.peers.length, 1);
  });

  it('comes back after the time a draining server asks for', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    server.peer.send({
      goaway: { reason: CLOSE_REASONS.draining.number, text: 'bye', reconnect: true, afterMs: 50 },
    });
    await until(() => server.peers.length === 2 && client.online, 'the second connection');
    const [goodbye] = away;
    assert.ok(goodbye?.reason === 'draining' && goodbye.retryInMs >= 50);
  });

  it('tries until the route is there again', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    server.http = () => ({ code: '7100', message: 'none' });
    server.peer.cut();
    await until(() => away.length >= 3, 'three attempts');
    server.http = () => undefined;
    await until(() => client.online, 'the return');
  });

  it('stays away as long as a route with too many logins asks for, and a random time more', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    let refusals = 1;
    server.http = (path) =>
      path === '/login' && refusals-- > 0 ? { code: '6000', message: 'too many', retryAfter: 1 } : undefined;
    server.peer.cut();
    await until(() => away.length === 2, 'the refusal');
    assert.ok((away[1]?.retryInMs ?? 0) > 1_000, `${away[1]?.retryInMs} ms`);
    await until(() => client.online, 'the return');
  });

  it('falls back to a fresh login when the session secret is refused', async () => {
    const client = makeClient();
    await client.connect();
    server.http = (path, body) => (path === '/login' && 'session' in body ? { code: '9100' } : undefined);
    server.peer.cut();
    await until(() => server.peers.length === 2 && client.online, 'the return');
  });

  it('comes back when im-servers refuse the logins of the route several times, as after a failover', async () => {
    const client = makeClient();
    await client.connect();
    let refusals = 0;
    server.onLogin = (peer) => {
      if (refusals++ === 4) return false;
      peer.send({ goaway: { reason: CLOSE_REASONS.unauthorized.number, text: 'no', reconnect: false } });
      return true;
    };
    server.peer.cut();
    await until(() => refusals === 5 && client.online, 'the return', 20_000);
  });

  it('ends when the account no longer lets it in', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    server.http = (path) => (path === '/login' ? { code: '9100' } : undefined);
    server.peer.cut();
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'unauthorized');
  });

  it('acks a group instead of pinging when it has heard something, and pings when it has not', async () => {
    const client = makeClient({ times: { pingAfterMs: 1_000 } });
    await client.connect();
    // The ping is due: what came in the first half of its interval no longer counts.
    await new Promise((resolve) => setTimeout(resolve, 800));
    server.say('group:lobby', 'one');
    const said = (): (string | undefined)[] => server.peer.received.map(({ body }) => body);
    await until(() => said().includes('ack'), 'the ack');
    assert.deepEqual(server.acks, [{ group: 'lobby', seq: 1 }]);
    assert.equal(said().includes('ping'), false);
    await until(() => said().at(-1) === 'ping', 'a ping');
    assert.equal(client.online, true);
  });

  it('stays where the one thing heard is nearly as old as a ping is apart when its ack takes the place of one', async () => {
    const client = makeClient({ times: { pingAfterMs: 1_000, idleMs: 2_000 } });
    const away = collect(client, 'disconnected');
    await client.connect();
    await until(() => server.peer.received.at(-1)?.body === 'ping', 'a ping');
    // The client checks 1.25 s after it, and again after the same time.
    await new Promise((resolve) => setTimeout(resolve, 370));
    server.say('group:lobby', 'one');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.deepEqual(server.acks, [{ group: 'lobby', seq: 1 }]);
    assert.deepEqual(away, []);
  });

  it('starts again when the server has fallen silent', async () => {
    const client = makeClient({ times: { pingAfterMs: 10_000, idleMs: 300 } });
    const away = collect(client, 'disconnected');
    await client.connect();
    await until(() => away.length > 0, 'the disconnect');
    assert.equal(away[0]?.reason, 'idle');
  });

  it('starts again when a send stays unanswered on a live connection', async () => {
    const client = makeClient({ times: { pingAfterMs: 100, answerMs: 300 } });
    await client.connect();
    server.onSend = () => {
      server.onSend = (_peer, _send, taken) => taken();
    };
    assert.equal((await client.send({ user: 7 }, ['x'])).outcome, 'stored');
    assert.equal(server.peers.length, 2);
  });

  it('ends on bytes that are no frame', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    server.peer.send({ deliver: { group: 'lobby' } });
    server.peer.raw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'bad-frame');
  });

  it('logs out at the route with its session, then ends, and forgets the secret', async () => {
    const state = memoryState();
    const client = makeClient({ state });
    const closed = collect(client, 'closed');
    await client.connect();
    await client.logout();
    const request = server.requests.at(-1);
    assert.deepEqual(
      [request?.path, request?.body['userId'], request?.authorization],
      ['/offLine', 1000, 'Bearer secret-1'],
    );
    assert.deepEqual(
      closed.map((c) => c.reason),
      ['logged-out'],
    );
    assert.equal((await state.load())?.session, '');
  });

  it('can be closed in the middle of connecting', async () => {
    server.onLogin = () => true; // never answered
    const client = makeClient();
    const connecting = client.connect();
    await until(() => server.peers.length === 1, 'the TCP connection');
    await client.close();
    await assert.rejects(connecting, CimError);
  });

  for (const end of ['close', 'logout'] as const)
    it(`gives its state back at ${end}, whenever it is called while it connects`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'cim-connecting-'));
      const path = join(folder, 'alice.json');
      try {
        for (let turns = 0, connected = false; !connected; turns++) {
          assert.ok(turns < 2_000, 'it never connects');
          const client = makeClient({ state: fileState(path) });
          const connecting = client.connect().then(
            () => true,
            () => false,
          );
          for (let i = 0; i < turns; i++) await new Promise(setImmediate);
          await client[end]();
          connected = await connecting;
          const notes: string[] = [];
          const next = fileState(path, (line) => notes.push(line));
          await next.load();
          next.close();
          assert.deepEqual(notes, [], `after ${turns} turns`);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

  it('pages through what is kept, with its session', async () => {
    const client = makeClient();
    await assert.rejects(client.history(), CimError);
    await client.connect();
    const entry = { seq: 4, id: '7:bobsProducerId00:4', from: { userId: 7, userName: 'bob' }, texts: ['x'] };
    server.http = (path) =>
      path.startsWith('/history')
        ? { code: '9000', dataBody: { entries: [{ ...entry, storedAt: 5 }, { seq: 'x' }], more: true } }
        : undefined;
    assert.deepEqual(await client.history({ group: 'lobby', before: 5, limit: 1 }), {
      messages: [{ ...entry, storedAt: 5, stream: 'group:lobby', group: 'lobby' }],
      more: true,
    });
    const request = server.requests.at(-1);
    assert.equal(request?.path, '/history?userId=1000&stream=lobby&before=5&limit=1');
    assert.equal(request.authorization, 'Bearer secret-1');
    assert.equal((await client.history()).messages[0]?.stream, 'inbox:1000');
    server.http = () => ({ code: '9000', dataBody: null });
    await assert.rejects(client.history(), { message: /is not a CIM route/ });
  });

  it('lists who is online', async () => {
    const client = makeClient();
    await client.connect();
    assert.deepEqual(await client.onlineUsers(), [{ userId: 1000, userName: 'alice' }]);
  });

  it('asks on while there are more online than one answer tells', async () => {
    const client = makeClient();
    const users = [1, 2, 3, 4, 5].map((userId) => ({ userId, userName: `u${userId}` }));
    server.http = (path) => {
      const after = Number(new URL(path, 'http://route').searchParams.get('after'));
      return { code: '9000', dataBody: users.slice(after, after + 2), more: after + 2 < users.length };
    };
    assert.deepEqual(await client.onlineUsers(), users);
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      ['0', '2', '4'].map((after) => `/onlineUser?limit=5000&after=${after}`),
    );
    // A route that always says "more" and lists nobody new is not asked for ever.
    server.http = () => ({ code: '9000', dataBody: users, more: true });
    assert.equal((await client.onlineUsers()).length, 10);
  });
});
