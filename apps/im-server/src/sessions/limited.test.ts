import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { CLOSE_REASONS, CODES, cim } from '@cim/protocol';
import { defaultLimits, networks } from '@cim/runtime';
import { userSubject } from '@cim/store';
import { until } from '@cim/testkit';
import { RunningServer } from '../../test/running-server.ts';
import { LIMITED_SENDS } from './send-limits.ts';

const TWO = { tokens: 1, intervalMs: 600_000, burst: 2 };
const content = cim.Content.encode({ texts: ['x'] }).finish();
const producer = 'A'.repeat(16);

test('a session that sends too fast is told when to send again, and is closed when it goes on', async () => {
  await using server = await RunningServer.start(undefined, { limits: { ...defaultLimits, send: TWO } });
  const { raw, user } = await server.logIn('alice');
  const victim = await server.logIn('bob');
  const send = (counter: number): void => raw.say({ send: { to: user.userId, producer, counter, content } });
  for (const counter of [1, 2, 3]) send(counter);
  const receipts = () => raw.frames.flatMap(({ receipt }) => receipt ?? []);
  await until('all are answered', () => receipts().length === 3);
  const [limited, ...others] = receipts().filter(({ outcome }) => outcome === cim.Outcome.RETRY);
  assert.deepEqual([limited?.counter, limited?.code, others], [3, CODES.limited.code, []]);
  assert.match(limited?.text ?? '', /too many messages \(limit send\)/);
  assert.ok((limited?.afterMs ?? 0) > 500_000);

  for (let counter = 4; counter <= LIMITED_SENDS + 3; counter++) send(counter);
  await raw.ends('limited', 10_000);
  assert.ok(((await raw.hear('goaway')).afterMs ?? 0) >= 10_000);
  // Other sessions are not limited.
  victim.raw.say({ send: { to: user.userId, producer, counter: 1, content } });
  assert.equal((await victim.raw.hear('receipt')).outcome, cim.Outcome.STORED);
});

test('an address that connects too fast is told when to come again; an allowed one is not limited', async () => {
  const limits = { ...defaultLimits, connect: TWO };
  await using server = await RunningServer.start(undefined, { limits, allowList: networks('127.0.0.2') });
  const { host, port } = server.server.tcp;
  for (let i = 0; i < 2; i++) await server.connect();
  const refused = await server.connect();
  await until('it is closed', () => refused.closed);
  const { reason, afterMs } = refused.frames[0]?.goaway ?? {};
  assert.equal(reason, CLOSE_REASONS.limited.number);
  assert.ok((afterMs ?? 0) > 500_000);

  const allowed = Array.from({ length: 5 }, () => connect({ host, port, localAddress: '127.0.0.2' }));
  let ended = 0;
  for (const socket of allowed) socket.on('close', () => ended++);
  await Promise.all(allowed.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  const own = await Promise.all(
    allowed.map(
      (socket) => new Promise<boolean>((resolve) => socket.write('', () => resolve(!socket.destroyed))),
    ),
  );
  assert.deepEqual([own.filter(Boolean).length, ended], [5, 0]);
  for (const socket of allowed) socket.destroy();
});

test('a user who is suspended is closed at once, and refused at the next login; all others stay', async () => {
  await using server = await RunningServer.start();
  const [alice, bob] = [await server.logIn('alice'), await server.logIn('bob')];
  const { userId } = alice.user;
  const ban = await server.store.bans.ban(userSubject(userId), 60_000, 'a test');
  server.suspensions.announce(ban.subject, ban.leftMs);
  await alice.raw.ends('suspended');
  assert.ok(((await alice.raw.hear('goaway')).afterMs ?? 0) > 50_000);

  const { ticket } = await server.issue(alice.user);
  const again = await server.connect();
  again.say({ login: { userId, ticket } });
  await again.ends('suspended');
  bob.raw.say({ ping: {} });
  await bob.raw.hear('pong');

  await server.store.bans.unban(userSubject(userId));
  server.suspensions.announce(ban.subject, 0);
  const next = await server.issue(alice.user);
  const back = await server.connect();
  back.say({ login: { userId, ticket: next.ticket } });
  await back.hear('welcome');
});

test('while files or memory are scarce, strangers are few and have 2 s, and a user with a ticket gets in', async () => {
  await using server = await RunningServer.start(
    undefined,
    {},
    { supply: 'scarce', onSupply: () => undefined },
  );
  const begun = performance.now();
  const mute = await server.connect();
  mute.socket.write(Buffer.of(9));
  const silent = await Promise.all(Array.from({ length: 40 }, () => server.connect()));
  const refused = silent.at(-1);
  assert.ok(refused);
  await refused.ends('limited');
  assert.ok(((await refused.hear('goaway')).afterMs ?? 0) >= 5_000);
  await until('the others have had their time', () => [mute, ...silent].every(({ closed }) => closed));
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < 4_500, `${tookMs} ms`);

  const { raw } = await server.logIn('alice');
  raw.say({ ping: {} });
  await raw.hear('pong');
});

test('an address that goes on connecting above its limit is suspended, and all its connections are closed', async () => {
  const limits = { ...defaultLimits, connect: { ...TWO, burst: 3 }, offences: { ...TWO, burst: 5 } };
  await using server = await RunningServer.start(undefined, { limits, allowList: networks('127.0.0.2') });
  const first = await server.logIn('alice');
  const ends: string[] = [];
  for (let i = 0; i < 12; i++) {
    const raw = await server.connect();
    await until('it is closed, or let in', () => raw.closed || i < 2);
    const reason = raw.frames[0]?.goaway?.reason;
    if (reason !== undefined) ends.push(reason === CLOSE_REASONS.suspended.number ? 'suspended' : 'limited');
  }
  assert.equal(ends.indexOf('suspended'), 6);
  await first.raw.ends('suspended');
  const [ban] = await server.store.bans.list();
  assert.deepEqual([ban?.subject, ban?.step], ['address:127.0.0.1', 1]);
});
