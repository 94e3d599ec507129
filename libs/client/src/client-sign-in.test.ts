/** How a client proves who it is, against a scripted server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE_REASONS } from '@cim/protocol';
import { collect, makeClient, server } from '../test/scripted-clients.ts';
import { until } from '../test/scripted-server.ts';

test('a token logs in: asked for at the first login, and again when the session has reached the end of its life', async () => {
  let asked = 0;
  const client = makeClient({ userName: 'erin', token: () => Promise.resolve(`token-${++asked}`) });
  const connected = collect(client, 'connected');
  await client.connect();
  const proofs = (): unknown[] =>
    server.requests.flatMap(({ path, body }) =>
      path === '/registerAccount' || path === '/login' ? [[path, body['token'], body['session']]] : [],
    );
  assert.deepEqual(proofs(), [
    ['/registerAccount', 'token-1', undefined],
    ['/login', 'token-2', undefined],
  ]);
  // After a lost connection the secret opens the next session, and no token is asked for.
  server.peer.cut();
  await until(() => connected.length === 2, 'the next step');
  assert.deepEqual(proofs().slice(2), [['/login', undefined, 'secret-1']]);
  server.http = (path, body) =>
    path === '/login' && body['session'] !== undefined ? { code: '9504', message: 'too old' } : undefined;
  const { number, text } = CLOSE_REASONS.expired;
  server.peer.send({ goaway: { reason: number, text, reconnect: true } });
  await until(() => connected.length === 3, 'the next step');
  assert.deepEqual(proofs().at(-1), ['/login', 'token-3', undefined]);
});

test('a session that ended, without a password or a token, ends the client with one line that says so', async () => {
  const client = makeClient({ userName: 'erin' });
  const closed = collect(client, 'closed');
  await client.connect();
  server.http = (path) =>
    path === '/login' ? { code: '9504', message: 'This credential is too old; log in again' } : undefined;
  server.peer.send({ goaway: { reason: CLOSE_REASONS.expired.number, text: 'old', reconnect: true } });
  await until(() => closed.length === 1, 'the next step');
  assert.equal(closed[0]?.text, 'This credential is too old; log in again');
});

test('a token that cannot be had is told at connect, and tried again later when the client is away', async () => {
  let fails = true;
  const token = (): string => {
    if (fails) throw new Error('the shop does not answer\nat all');
    return 'token';
  };
  const client = makeClient({ userName: 'erin', token });
  await assert.rejects(client.connect(), /^CimError: no token could be had: the shop does not answer$/);
  fails = false;
  await client.connect();
  server.http = (path, body) =>
    path === '/login' && body['session'] !== undefined ? { code: '9504', message: 'too old' } : undefined;
  fails = true;
  const away = collect(client, 'disconnected');
  server.peer.cut();
  await until(() => away.length >= 2, 'the next step');
  fails = false;
  await until(() => client.online, 'the next step');
});

test('a password that is changed with the session shown is the one of later logins', async () => {
  const client = makeClient({ userName: 'erin', password: 'the old one' });
  const connected = collect(client, 'connected');
  await assert.rejects(client.changePassword('x', 'y'), /connect\(\) comes first/);
  await client.connect();
  await client.changePassword('the old one', 'the new one');
  const change = server.requests.find(({ path }) => path === '/changePassword');
  assert.equal(change?.authorization, 'Bearer secret-1');
  assert.deepEqual(change.body, {
    userId: client.user?.userId,
    password: 'the old one',
    newPassword: 'the new one',
  });
  server.http = (path, body) =>
    path === '/login' && body['session'] !== undefined ? { code: '9504', message: 'too old' } : undefined;
  server.peer.cut();
  await until(() => connected.length === 2, 'the next step');
  assert.equal(server.requests.at(-1)?.body['password'], 'the new one');
  server.http = (path) => (path === '/changePassword' ? { code: '9100', message: 'not that' } : undefined);
  await assert.rejects(client.changePassword(undefined, 'another one'), /not that/);
});
