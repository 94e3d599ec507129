import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLimits, networks } from '@cim/runtime';
import { userSubject } from '@cim/store';
import { until } from '@cim/testkit';
import { ADMIN_TOKEN, RunningRoute } from '../../test/running-route.ts';

async function start() {
  const at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN } });
  const ask = at.admin.bind(at);
  return { at, ask };
}

test('a user suspended by an operator can neither log in nor send until the suspension ends', async (t) => {
  const { at, ask } = await start();
  t.after(() => at.stop());
  const alice = await at.join('alice');
  const bob = await at.join('bob');
  const subject = userSubject(alice.userId);
  const made = await ask('PUT', `/bans/${subject}`, { seconds: 90, reason: 'spam' });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.deepEqual(
    [made.body['subject'], made.body['reason'], made.body['by']],
    [subject, 'spam', 'operator'],
  );
  const told = at.rung.filter((call) => call.startsWith('suspended'));
  assert.match(told.join(), new RegExp(`^suspended ${subject} (89\\d{3}|90000)$`));
  const { items } = (await ask('GET', '/bans')).body as { items: { subject: string }[] };
  assert.deepEqual(
    items.map((ban) => ban.subject),
    [subject],
  );

  const send = { userId: alice.userId, receiveUserId: bob.userId, msg: 'x' };
  const sent = await at.post('/p2pRoute', send);
  assert.deepEqual([sent.status, sent.code], [400, '9500']);
  assert.ok(Number(sent.headers.get('retry-after')) > 60);
  assert.equal((await at.post('/login', { userId: alice.userId, userName: 'alice' })).code, '9500');

  assert.equal((await ask('DELETE', `/bans/${subject}`)).status, 204);
  assert.equal((await at.post('/p2pRoute', send)).code, '9000');
  assert.equal((await ask('DELETE', `/bans/${subject}`)).status, 400);
});

test('an invalid subject, time or reason is refused with a line that says what is right', async (t) => {
  const { at, ask } = await start();
  t.after(() => at.stop());
  for (const [subject, body, expected] of [
    ['nobody', {}, /name a user/],
    ['user:0', {}, /name a user/],
    ['address:10.0.0.0%2F8', {}, /name a user/],
    ['user:1', { seconds: 0 }, /seconds must be/],
    ['user:1', { seconds: 1e9 }, /seconds must be/],
    ['user:1', { seconds: '60' }, /seconds must be/],
    ['user:1', { reason: 'a\nb' }, /reason must be/],
  ] as const) {
    const { status, body: problem } = await ask('PUT', `/bans/${subject}`, body);
    assert.equal(status, 400, subject);
    assert.match(String(problem['detail']), expected);
  }
  const { body } = await ask('PUT', '/bans/2001:db8::5', {});
  assert.equal(body['subject'], 'address:2001:db8:0:0::/64');
});

test('an address that keeps exceeding its limits is suspended, and its requests are answered 9500', async (t) => {
  const two = { tokens: 1, intervalMs: 600_000, burst: 2 };
  const limits = { ...defaultLimits, request: two, offences: two };
  const at = await RunningRoute.start({ config: { allowList: networks('none'), limits } });
  t.after(() => at.stop());
  await until('it is suspended', async () => (await at.get('/onlineUser')).code === '9500');
  const [ban] = await at.store.bans.list();
  assert.deepEqual([ban?.subject, ban?.reason], ['address:127.0.0.1', 'HTTP requests']);
  const refused = await fetch(`${at.route.url}/v1/users/1`);
  assert.equal(refused.status, 403);
  assert.ok(Number(refused.headers.get('retry-after')) > 50);
});
