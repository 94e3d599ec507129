import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { CLOSE_REASONS, CODES, cim } from '@cim/protocol';
import { defaultLimits, networks } from '@cim/runtime';
import { until } from '@cim/testkit';
import { RunningServer } from '../../test/running-server.ts';
import { LIMITED_SENDS } from './send-limits.ts';

const TWO = { tokens: 1, intervalMs: 600_000, burst: 2 };
const content = cim.Content.encode({ texts: ['x'] }).finish();
const producer = 'A'.repeat(16);

test('a session that sends too fast is told when to send again, and is sent away when it goes on', async () => {
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
  // Nobody else is concerned.
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
