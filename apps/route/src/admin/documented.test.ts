/** Checks each answer of `/admin` against its OpenAPI document, and that everything documented is used. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PlaceAt } from '@cim/delivery';
import {
  CIM_DEVICE,
  encodeContent,
  groupStream,
  LOBBY,
  type ProducerId,
  type DeviceId,
  type Epoch,
  inboxOf,
  type InstanceId,
  type MessageId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { type AppendAnswer, openEmbeddedStore, RETENTION } from '@cim/store';
import { until } from '@cim/testkit';
import { INSTANCE, type RouteOptions, RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

const TOKEN = 'a-token-of-thirty-two-characters!';
const PRODUCER = 'producer-of-a-test' as ProducerId;
const PHONE = 'phone-of-a-test-0' as DeviceId;

async function start(options: RouteOptions = {}) {
  const at = await RunningRoute.start({
    ...options,
    config: { adminToken: TOKEN, sessionPolicy: 'devices' },
  });
  const [admin, v1] = await Promise.all([V1Client.ofAdmin(at.route, TOKEN), V1Client.of(at.route)]);
  /** Makes a user with a live session on a device. */
  const join = async (name: string, device = PHONE) => {
    const userId = await at.register(name);
    return { userId, name, epoch: await claim(userId, name, device) };
  };
  const claim = async (userId: UserId, userName: string, device: DeviceId): Promise<Epoch> => {
    const answer = await at.store.sessions.issue({
      ...{ user: { userId, userName }, device, label: 'a phone', instance: INSTANCE, policy: 'devices' },
      secretHash: device === CIM_DEVICE ? '' : 'h'.repeat(43),
    });
    assert.ok(answer.outcome === 'issued', answer.outcome);
    const { epoch } = answer;
    const claimed = await at.store.sessions.claim({ userId, instance: INSTANCE, epoch, claim: device });
    assert.equal(claimed.outcome, 'claimed');
    return epoch;
  };
  return { at, admin, v1, join, claim };
}

interface Finding {
  readonly is: string;
  readonly why?: string;
}
interface Arrival {
  readonly delivered: Finding;
  readonly read: Finding;
  readonly devices: readonly { readonly pushed: Finding; readonly delivered: Finding }[];
}

async function traced(admin: V1Client, id: string, query = ''): Promise<Arrival> {
  const { status, body } = await admin.get(`/messages/${id}${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  const [arrival] = body?.['recipients'] as Arrival[];
  assert.ok(arrival);
  return arrival;
}

test('every operation of users, messages, groups, bans and API keys answers as it is documented', async (t) => {
  const { at, admin, v1, join } = await start();
  t.after(() => at.stop());
  const alice = await v1.join('alice');
  const bob = await join('bob');
  await v1.ask('PUT', `/blocks/${bob.userId}`, undefined, alice.secret);
  for (const path of ['/servers', '/traffic', '/online', '/online?limit=1', `/online?server=${INSTANCE}`])
    assert.equal((await admin.get(path)).status, 200, path);
  for (const path of ['/users/alice', `/users/${bob.userId}`, '/users/alice/blocks'])
    assert.equal((await admin.get(path)).status, 200, path);
  const { body: sent } = await v1.post(
    '/messages',
    { to: { user: String(bob.userId) }, texts: ['hello'] },
    alice.secret,
  );
  assert.equal((await admin.get(`/messages/${String(sent?.['id'])}`)).status, 200);
  const group = await v1.post(
    '/groups',
    { name: 'team', join: 'open', users: [String(bob.userId)] },
    alice.secret,
  );
  const groupId = String(group.body?.['id']);
  const { body: team } = await admin.get(`/groups/${groupId}`);
  assert.deepEqual([team?.['owner'], team?.['members']], [{ id: alice.id, name: 'alice' }, 2]);
  const first = await admin.get(`/groups/${groupId}/members?limit=1`);
  const after = encodeURIComponent(String(first.body?.['next']));
  const second = await admin.get(`/groups/${groupId}/members?limit=1&after=${after}`);
  const names = [first, second].flatMap(({ body }) =>
    (body?.['items'] as { name: string }[]).map(({ name }) => name),
  );
  assert.deepEqual(names.sort(), ['alice', 'bob']);
  assert.equal((await admin.get('/groups/999')).status, 404);
  assert.equal((await admin.get('/groups/999/members')).status, 404);
  const ofBob = [{ id: groupId, name: 'team', category: '', role: 'member' }];
  assert.deepEqual((await admin.get('/users/bob/groups')).body, { items: ofBob });
  assert.equal((await admin.post('/users/bob/kick', { device: PHONE })).status, 200);
  assert.ok(at.rung.includes(`kick ${bob.userId} ${bob.epoch} logged-out`));
  assert.equal((await admin.post('/users/bob/kick', { device: 'no-such-device-00' })).status, 404);

  const subject = `user:${bob.userId}`;
  assert.equal((await admin.ask('PUT', `/bans/${subject}`, { seconds: 60 })).status, 200);
  assert.equal(typeof (await admin.get('/users/bob')).body?.['suspendedUntil'], 'string');
  assert.equal((await admin.get('/bans')).status, 200);
  assert.equal((await admin.ask('DELETE', `/bans/${subject}`)).status, 204);

  const made = await admin.post('/api-keys', { label: 'bot', scopes: ['send'], days: 3, name: 'bot' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal((await admin.get('/api-keys')).status, 200);
  const rotated = await admin.post(`/api-keys/${String(made.body?.['id'])}/rotate`, {});
  assert.equal(rotated.status, 201);
  assert.equal((await admin.ask('DELETE', `/api-keys/${String(rotated.body?.['id'])}`)).status, 204);

  const hook = { url: 'https://hook.example/', events: ['group.*'], only: ['g17'], batch: 5 };
  const webhook = await admin.post('/webhooks', hook);
  assert.equal(webhook.status, 201, JSON.stringify(webhook.body));
  const hookPath = `/webhooks/${String(webhook.body?.['id'])}`;
  assert.equal((await admin.get('/webhooks')).status, 200);
  assert.equal((await admin.ask('PUT', hookPath, { on: false })).status, 200);
  assert.equal((await admin.post(`${hookPath}/rotate`, {})).status, 200);
  assert.equal((await admin.get(`${hookPath}/letters`)).status, 200);
  assert.equal((await admin.post(`${hookPath}/replay`, {})).status, 200);
  assert.equal((await admin.ask('DELETE', `${hookPath}/letters`)).status, 200);
  assert.equal((await admin.ask('DELETE', hookPath)).status, 204);

  for (const path of ['/rebalance', `/servers/${INSTANCE}/drain`])
    assert.equal((await admin.get(path)).status, 200, path);
  assert.equal((await admin.post('/rebalance', {})).status, 202);
  assert.equal((await admin.ask('DELETE', '/rebalance')).status, 200);
  for (const id of ['held-message-of-test-1', 'held-message-of-test-2'])
    await at.store.held.add(
      {
        ...{ id: id as ProducerId, sender: { userId: bob.userId, userName: 'bob' }, reason: 'a link' },
        ...{ to: groupStream(LOBBY), content: encodeContent({ texts: ['look'] }) },
      },
      10,
    );
  assert.equal((await admin.get('/held')).status, 200);
  assert.equal((await admin.post('/held/held-message-of-test-1/allow', {})).status, 200);
  assert.equal((await admin.post('/held/held-message-of-test-2/refuse', { reason: 'no' })).status, 200);
  admin.assertDriven('users', 'messages', 'groups', 'bans', 'api-keys', 'webhooks', 'held');
});

test('the document and docs/admin.md tell of every path under /admin, and what it needs', async (t) => {
  const page = await readFile('docs/admin.md', 'utf8');
  const { at, admin } = await start();
  t.after(() => at.stop());
  const operations = Object.entries(admin.document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  assert.ok(operations.length >= 18, String(operations.length));
  for (const { path, method, operation } of operations) {
    const { summary, security } = operation;
    assert.ok(page.includes(`${path}\``) || page.includes(`${path}?`), `docs/admin.md has no ${path}`);
    assert.ok(summary !== undefined && security !== undefined, `${method} ${path} is not described`);
    assert.deepEqual(security, [{ adminToken: [] }, { apiKey: ['admin'] }], `${method} ${path}`);
  }
});

describe('what is known of a message', () => {
  const send = async (v1: V1Client, secret: string, to: object): Promise<{ id: string; seq: number }> => {
    const { status, body } = await v1.post('/messages', { to, texts: ['hello'] }, secret);
    assert.equal(status, 201, JSON.stringify(body));
    return { id: String(body?.['id']), seq: Number(body?.['seq']) };
  };

  test('comes from the im-server that holds the device: pushed, still in the log, or not known', async (t) => {
    let place: PlaceAt['place'];
    let holds = true;
    const { at, admin, v1, join } = await start({
      places: ([user]) =>
        holds && user !== undefined
          ? [{ ...{ user, device: PHONE, epoch: bob.epoch, address: '192.0.2.1' }, place }]
          : [],
    });
    t.after(() => at.stop());
    const bob = await join('bob');
    const alice = await v1.join('alice');
    const { id, seq } = await send(v1, alice.secret, { user: String(bob.userId) });
    const device = async () => (await traced(admin, id)).devices[0];
    const no: Finding = { is: 'no' };

    place = { sent: (seq - 1) as Seq, acked: (seq - 1) as Seq };
    assert.deepEqual((await device())?.pushed, { is: 'no', why: 'it waits in the log' });
    place = { sent: seq as Seq, acked: (seq - 1) as Seq };
    const pushed = await device();
    assert.deepEqual([pushed?.pushed, pushed?.delivered], [{ is: 'yes' }, no]);
    place = undefined;
    assert.match((await device())?.pushed.why ?? '', /does not follow this log, or not yet/);
    holds = false;
    assert.match((await device())?.pushed.why ?? '', /has no session of this device/);
    const { body } = await admin.get('/users/bob');
    const [shown] = body?.['devices'] as { connected: Finding; backlog: number }[];
    assert.deepEqual(
      [shown?.connected, shown?.backlog],
      [{ is: 'no', why: 'the im-server has no such session, whatever the store says' }, 1],
    );

    // The im-server belongs to another process, which does not answer.
    const gone = 'a-second-server0' as InstanceId;
    await at.store.sessions.openLease(gone);
    await at.store.sessions.reclaim(
      [{ userId: bob.userId, userName: 'bob', device: PHONE, epoch: bob.epoch }],
      gone,
    );
    assert.deepEqual((await device())?.pushed, { is: 'unknown', why: 'the im-server is not listed' });
    await at.membership.announce({ host: '127.0.0.1', tcpPort: 1, httpPort: 1, instance: gone });
    const unknown = await device();
    assert.deepEqual(unknown?.pushed, { is: 'unknown', why: 'the im-server does not answer' });
    assert.equal(unknown.delivered.is, 'unknown');

    // The store has the acknowledgement, whether the im-server answers or not.
    const cursor = { seq: seq as Seq, id: id as MessageId };
    const { userId: user, epoch } = bob;
    await at.store.streams.ack([{ user, device: PHONE, epoch, stream: inboxOf(user), cursor }]);
    const acked = await traced(admin, id);
    assert.deepEqual([acked.delivered, acked.devices[0]?.delivered], [{ is: 'yes' }, { is: 'yes' }]);
    assert.deepEqual(acked.read, no);
  });

  test('is not "yes" for a device that logged in later, and not "no" for a reader whose client does not tell', async (t) => {
    const { at, admin, v1, join, claim } = await start();
    t.after(() => at.stop());
    const bob = await join('bob', CIM_DEVICE);
    const alice = await v1.join('alice');
    const { id, seq } = await send(v1, alice.secret, { user: String(bob.userId) });
    assert.equal((await traced(admin, id)).read.is, 'unknown', "CIM's client does not tell");
    const cursor = { seq: seq as Seq, id: id as MessageId };
    const { userId: user, name } = bob;
    const stream = inboxOf(user);
    await at.store.streams.ack([{ user, device: CIM_DEVICE, epoch: bob.epoch, stream, cursor }]);
    const before = Date.now();
    await until('the clock has gone on', () => Date.now() > before);
    const epoch = await claim(user, name, PHONE);
    const later = async () =>
      (await traced(admin, id)).devices.find(({ delivered }) => delivered.is !== 'yes');
    assert.equal((await later())?.delivered.is, 'no');
    await at.store.streams.ack([{ user, device: PHONE, epoch, stream, cursor }]);
    const device = await later();
    assert.equal(device?.delivered.is, 'unknown');
    assert.match(device.delivered.why ?? '', /logged in anew after the message was stored/);
    assert.deepEqual((await traced(admin, id)).delivered, { is: 'yes' });
  });

  test('covers a group message that was sent over HTTP, its recall, and a member who joined later', async (t) => {
    const { at, admin, v1, join } = await start();
    t.after(() => at.stop());
    const alice = await v1.join('alice');
    const made = await v1.post('/groups', { name: 'team', join: 'open' }, alice.secret);
    const group = String(made.body?.['id']);
    const { id } = await send(v1, alice.secret, { group });
    const bob = await join('bob');
    await v1.post(`/groups/${group}/members`, { users: [String(bob.userId)] }, alice.secret);
    const { body } = await admin.get(`/messages/${id}`);
    assert.deepEqual([body?.['conversation'], body?.['recalled']], [`g${group}`, false]);
    assert.equal((body?.['recipients'] as unknown[]).length, 2);
    const later = await traced(admin, id, '?user=bob');
    assert.deepEqual(later.delivered, { is: 'no', why: 'the user became a member after the message' });
    await v1.post('/messages', { to: { group }, type: 'recall', ref: id }, alice.secret);
    assert.equal((await admin.get(`/messages/${id}`)).body?.['recalled'], true);

    const { id: toAll } = await send(v1, alice.secret, { group: 'lobby' });
    const all = await admin.get(`/messages/${toAll}`);
    assert.deepEqual(all.body?.['recipients'], []);
    assert.match(String(all.body['unknown']), /every user is a member of the lobby: name one/);
    assert.equal((await traced(admin, toAll, '?user=bob')).devices.length, 1);
  });

  test('is a sentence when the log has trimmed it: it was stored there, or nothing can tell', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'cim-admin-'));
    const limits = { ...RETENTION, maxEntries: 10 };
    const { at, admin, v1 } = await start({
      openStore: () => openEmbeddedStore({ dir, logger: silentLogger(), limits }),
    });
    t.after(async () => {
      await at.stop();
      await rm(dir, { recursive: true, force: true });
    });
    const alice = await v1.join('alice');
    const sender = { userId: Number(alice.id) as UserId, userName: 'alice' };
    const content = encodeContent({ texts: ['hello'] });
    const say = (counter: number) =>
      new Promise<AppendAnswer>((resolve) =>
        at.store.streams.append(
          {
            ...{ stream: groupStream(LOBBY), sender, producer: PRODUCER, counter },
            digest: 'd'.repeat(22),
            content,
          },
          resolve,
        ),
      );
    for (let counter = 1; counter <= 60; counter++) assert.equal((await say(counter)).outcome, 'ok');
    const detailOf = async (counter: number, query = '') => {
      const { status, body } = await admin.get(`/messages/${sender.userId}:${PRODUCER}:${counter}${query}`);
      return status === 200 ? 'found' : String(body?.['detail']);
    };
    assert.equal(await detailOf(60), 'found');
    const { first } = await at.store.streams.position(groupStream(LOBBY));
    assert.ok(first > 1, 'the log was trimmed');
    assert.match(await detailOf(1), /was stored in globby, whose log holds it no longer: it was trimmed/);
    assert.match(await detailOf(61), /no log that its sender writes to holds this message/);
    assert.match(await detailOf(61, '?in=globby'), /never stored there, or it was trimmed/);
  });
});
