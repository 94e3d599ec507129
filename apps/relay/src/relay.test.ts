import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  CIM_DEVICE,
  type Epoch,
  type GroupId,
  inboxOf,
  type InstanceId,
  type MessageId,
  type Seq,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { letterOf, openEmbeddedStore, type Store, userSubject, type Webhook } from '@cim/store';
import {
  answers,
  type Behave,
  faultsOf,
  lineOf,
  newWebhook,
  Receiver,
  SECRET,
  Senders,
  takes,
  until,
} from '@cim/testkit';
import { startRelay } from '../test/running-relay.ts';

async function begin(t: TestContext, behave?: Behave, changes?: Partial<Webhook>) {
  const dir = await mkdtemp(join(tmpdir(), 'cim-relay-'));
  // No lease lapses by itself during a test.
  let store: Store = await openEmbeddedStore({ dir, logger: silentLogger(), leaseMs: 600_000 });
  const receiver = await new Receiver(SECRET, behave).start();
  const webhook = newWebhook(receiver.url, changes);
  await store.webhooks.put(webhook);
  const relays: ReturnType<typeof startRelay>[] = [];
  const start = (options: Parameters<typeof startRelay>[1] = {}) => {
    const relay = startRelay(store, options);
    relays.push(relay);
    return relay;
  };
  t.after(async () => {
    await receiver[Symbol.asyncDispose]();
    for (const relay of relays) await relay.stop();
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const relay = start();
  await until('the feed is on', () => relay.problem === undefined && relay.partitions > 0);
  return {
    ...{ receiver, webhook, relay, start },
    senders: new Senders(store),
    store: () => store,
    reopen: async () => {
      await store.stop();
      store = await openEmbeddedStore({ dir, logger: silentLogger() });
    },
  };
}
const letters = async (store: Store) => (await store.feed.letters('')).map(({ text }) => letterOf(text));

test('the request for a message has its content and a signature', async (t) => {
  const { receiver, senders } = await begin(t);
  const [ann, ben] = [await senders.newUser('ann'), await senders.newUser('ben')];
  const id = await senders.send(ann, ben, 'hello 🦊');
  await until('it is told', () => receiver.taken.length === 1);
  const [event] = receiver.taken;
  const { storedAt, ...data } = event?.data as { storedAt: string };
  assert.equal(event?.type, 'message.stored');
  assert.equal(event.id, `message.stored:${id}`);
  assert.equal(event.timestamp, storedAt);
  assert.deepEqual(data, {
    ...{ id, seq: 1, n: 1, texts: ['hello 🦊'] },
    ...{ from: { id: String(ann.userId), name: 'ann' }, to: { user: String(ben.userId) } },
  });
  assert.equal(receiver.got[0]?.headers['webhook-id'], event.id);
});

test('a receiver that takes everything gets each message once, and each conversation in order', async (t) => {
  const { receiver, senders } = await begin(t, async (_, response) => {
    // Answers overtake one another, as those of a real receiver do.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    response.writeHead(200).end();
  });
  const users = await Promise.all([1, 2, 3, 4].map(() => senders.newUser()));
  const [owner] = users;
  assert.ok(owner !== undefined);
  const group = await senders.newGroup(owner, users);
  await Promise.all(
    users.flatMap((from) =>
      users.map(async (to) => {
        for (let i = 0; i < 5; i++) await senders.send(from, from === to ? group : to, `${i}`);
      }),
    ),
  );
  // Several users write to a group at once, so only its log says in which order.
  senders.stored.delete(`g${group}`);
  await until('all are told', () => receiver.taken.length === 80);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
  assert.deepEqual(receiver.overlaps, []);
  const seqs = receiver.taken.filter((event) => lineOf(event) === `g${group}`).map(({ data }) => data['seq']);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => Number(a) - Number(b)),
  );
  assert.equal(seqs.length, 20);
});

test('a webhook that asks for batches gets several events in a request', async (t) => {
  const { receiver, senders } = await begin(t, takes, { batch: 20 });
  let allSent = (): void => undefined;
  const sent = new Promise<void>((resolve) => (allSent = resolve));
  receiver.behave = async (_, response, nth) => {
    // Events gather while the first request is under way.
    if (nth === 1) await sent;
    response.writeHead(200).end();
  };
  const [ann, ben, cat] = await Promise.all([senders.newUser(), senders.newUser(), senders.newUser()]);
  for (let i = 0; i < 40; i++) await senders.send(ann, i % 2 === 0 ? ben : cat, `${i}`);
  allSent();
  await until('all are told', () => receiver.taken.length === 40);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
  assert.deepEqual(receiver.overlaps, []);
  assert.ok(receiver.got.length < 20, `${receiver.got.length} requests`);
  assert.ok(receiver.got.every(({ events }) => events.length <= 20));
});

test('an event that fails is sent again, and its conversation waits while others go on', async (t) => {
  let refuses = 3;
  const { receiver, senders, store } = await begin(t, ({ events }, response) => {
    const isBad = events.some(({ data }) => (data as { texts: string[] }).texts[0] === 'bad');
    response.writeHead(isBad && refuses-- > 0 ? 500 : 200).end();
  });
  const [ann, ben, cat] = await Promise.all([senders.newUser(), senders.newUser(), senders.newUser()]);
  for (const text of ['good', 'bad', 'behind']) await senders.send(ann, ben, text);
  for (const text of ['one', 'two']) await senders.send(ann, cat, text);
  await until('the others are told', () => receiver.taken.length === 3);
  assert.ok(refuses > 0);
  await until(
    'it is a letter, and so is what is behind it',
    async () => (await letters(store())).length === 2,
  );
  // The feed keeps nothing but the newest record, although an event fails.
  await until('the feed is trimmed', async () => {
    const [records = []] = await store().feed.read([{ partition: '0' as never, after: 0 }], 100);
    return records.length === 1;
  });
  await until('all are told', () => receiver.taken.length === 5);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
  assert.deepEqual(receiver.overlaps, []);
  await until('no letter is left', async () => (await letters(store())).length === 0);
});

test('a receiver that crashes and comes back gets everything', async (t) => {
  const { receiver, senders } = await begin(t);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'before');
  await until('it is told', () => receiver.taken.length === 1);
  await receiver.crash();
  for (let i = 0; i < 20; i++) await senders.send(ann, ben, `${i}`);
  await receiver.start();
  await until('all are told', () => receiver.taken.length >= 21);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
});

test('when a relay dies, another takes its partitions and goes on; no event is lost', async (t) => {
  const { receiver, senders, store, relay, start } = await begin(t);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  for (let i = 0; i < 20; i++) await senders.send(ann, ben, `${i}`);
  await until('some are told', () => receiver.taken.length > 0);
  await relay.stop();
  for (let i = 0; i < 20; i++) await senders.send(ann, ben, `more ${i}`);
  start();
  await until('all are told', () => receiver.taken.length >= 40);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
  assert.equal((await store().feed.letters('')).length, 0);
});

test('HTTP 410 turns a webhook off: waiting events are listed as dead, and nothing more is sent', async (t) => {
  const { receiver, senders, store, webhook } = await begin(t, answers(410));
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'one');
  await until('it is off', async () => {
    const { items } = await store().webhooks.list();
    return items.find(({ id }) => id === webhook.id)?.off !== undefined;
  });
  const { items } = await store().webhooks.list();
  assert.match(items[0]?.off ?? '', /HTTP 410/);
  await until('what waited is dead', async () => (await letters(store())).some(({ dead }) => dead === true));
  assert.equal(receiver.got.length, 1);
  await until('the feed is off', async () => {
    const before = await store().feed.read([{ partition: '0' as never, after: 0 }], 100);
    await senders.send(ann, ben, 'two');
    const after = await store().feed.read([{ partition: '0' as never, after: 0 }], 100);
    return before[0]?.length === after[0]?.length;
  });
  assert.equal(receiver.got.length, 1);
});

test('a receiver that asks for time by Retry-After gets it', async (t) => {
  const { receiver, senders } = await begin(t, (_, response, nth) => {
    response.writeHead(nth === 1 ? 429 : 200, { 'retry-after': '2' }).end();
  });
  const [ann, ben, cat] = await Promise.all([senders.newUser(), senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'one');
  await until('it is refused', () => receiver.got.length === 1);
  await senders.send(ann, cat, 'two');
  await until('both are told', () => receiver.taken.length === 2);
  const [refused, ...later] = receiver.got;
  for (const { at } of later) assert.ok(at - (refused?.at ?? 0) >= 1_950, `${at - (refused?.at ?? 0)} ms`);
});

test('a redirect does not count as delivered', async (t) => {
  const { receiver, senders, relay } = await begin(t, (got, response, nth) => {
    assert.equal(got.path, '/hook');
    response.writeHead(nth === 1 ? 302 : 200, { location: '/elsewhere' }).end();
  });
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'one');
  await until('it has failed', () => relay.hooks[0]?.failingSince !== undefined);
  assert.match(relay.hooks[0]?.problem ?? '', /HTTP 302, a redirect/);
  await until('it is told', () => receiver.taken.length === 1);
  await until('the webhook fares well', () => relay.hooks[0]?.failingSince === undefined);
});

test('message.offline is sent when no device of the recipient is online, and only then', async (t) => {
  const { receiver, senders, store } = await begin(t, takes, { events: ['message.offline'] });
  const [ann, ben, cat] = await Promise.all([senders.newUser(), senders.newUser(), senders.newUser()]);
  const { sessions } = store();
  const instance = 'a-test-instance0' as InstanceId;
  await sessions.openLease(instance);
  const login = {
    user: cat,
    device: CIM_DEVICE,
    label: '',
    instance,
    policy: 'kick',
    secretHash: '',
  } as const;
  const issued = await sessions.issue(login);
  assert.ok(issued.outcome === 'issued');
  await sessions.claim({ userId: cat.userId, instance, epoch: issued.epoch, claim: 'c' });
  await senders.send(ann, cat, 'online');
  await senders.send(ann, ann, 'self');
  const away = await senders.send(ann, ben, 'away');
  await until('it is told', () => receiver.taken.length === 1);
  assert.deepEqual([receiver.taken[0]?.type, receiver.taken[0]?.data['id']], ['message.offline', away]);
  await sessions.release({ userId: cat.userId, device: CIM_DEVICE }, issued.epoch, instance);
  const left = await senders.send(ann, cat, 'left');
  await until('that is told too', () => receiver.taken.length === 2);
  assert.equal(receiver.taken[1]?.data['id'], left);
});

test('message.offline of a group names the members who are away, without its sender and those who came later', async (t) => {
  const { receiver, senders, store } = await begin(t, takes, { events: ['message.offline'] });
  const [ann, ben, cat, dan] = await Promise.all([1, 2, 3, 4].map(() => senders.newUser()));
  assert.ok(ann !== undefined && ben !== undefined && cat !== undefined && dan !== undefined);
  const { sessions } = store();
  const instance = 'a-test-instance0' as InstanceId;
  await sessions.openLease(instance);
  for (const user of [ann, cat]) {
    const login = { user, device: CIM_DEVICE, label: '', instance, policy: 'kick', secretHash: '' } as const;
    const issued = await sessions.issue(login);
    assert.ok(issued.outcome === 'issued');
    await sessions.claim({ userId: user.userId, instance, epoch: issued.epoch, claim: 'c' });
  }
  const online = await senders.newGroup(ann, [cat]);
  const group = await senders.newGroup(ann, [ben, cat, dan]);
  await senders.send(ann, 'lobby' as GroupId, 'to all');
  await senders.send(ann, online, 'all are online');
  await senders.leave(dan, group);
  const first = await senders.send(ann, group, 'ben is away');
  const second = await senders.send(ben, group, 'only ben is away');
  await until('it is told', () => receiver.taken.length === 1);
  const [event] = receiver.taken;
  assert.deepEqual(
    [event?.id, event?.type, event?.data['to'], event?.data['users']],
    [`message.offline:${first}`, 'message.offline', { group }, [String(ben.userId)]],
  );
  const last = await senders.send(cat, group, 'ben is still away');
  await until('that is told too', () => receiver.taken.length === 2);
  assert.equal(receiver.taken[1]?.data['id'], last);
  assert.notEqual(last, second);
});

test('a change of a group has its own event; a webhook gets only the types and conversations that it names', async (t) => {
  const { receiver, senders, store, webhook } = await begin(t, takes, { events: ['group.*'] });
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  const group = await senders.newGroup(ann, [ben]);
  await senders.send(ann, group, 'no event of groups');
  await senders.leave(ben, group);
  await until('both are told', () => receiver.taken.length === 2);
  assert.deepEqual(
    receiver.taken.map(({ type, data }) => [type, data['to'], (data['body'] as { op: string }).op]),
    [
      ['group.created', { group }, 'create'],
      ['group.left', { group }, 'leave'],
    ],
  );
  const only = [`u${ben.userId}`, `g${group}`];
  await store().webhooks.put({ ...webhook, version: 2, events: ['message.*'], only });
  const cat = await senders.newUser();
  await until('it is told of ben and the group', async () => {
    await senders.send(ann, cat, 'not of cat');
    await senders.send(ann, group, 'x');
    await senders.send(ben, cat, 'y');
    return receiver.taken.length >= 6;
  });
  const told = receiver.taken.slice(2).map(({ data }) => (data['texts'] as string[])[0]);
  assert.ok(told.includes('x') && told.includes('y') && !told.includes('not of cat'), told.join());
});

test('deliveries and bans are told to the webhooks that want them, as they happened', async (t) => {
  const { receiver, senders, store } = await begin(t, takes, { events: ['message.delivered', 'ban.*'] });
  const { sessions, streams, bans } = store();
  const [ann, ben] = [await senders.newUser('ann'), await senders.newUser('ben')];
  const instance = 'instance-of-ben' as InstanceId;
  await sessions.openLease(instance);
  const { userId } = ben;
  const login = {
    user: ben,
    device: CIM_DEVICE,
    label: '',
    instance,
    policy: 'kick',
    secretHash: '',
  } as const;
  const issued = await sessions.issue(login);
  assert.ok(issued.outcome === 'issued');
  const { epoch } = issued;
  await sessions.claim({ userId, instance, epoch, claim: 'c' });
  await senders.send(ann, ben, 'one');
  const id = (await senders.send(ann, ben, 'two')) as MessageId;
  const cursor = { seq: 2 as Seq, id };
  await streams.ack([{ user: userId, device: CIM_DEVICE, epoch, stream: inboxOf(userId), cursor }]);
  await bans.ban(userSubject(userId), 60_000, 'spam');
  await bans.unban(userSubject(userId));
  await bans.ban('address:192.0.2.1', 60_000, 'spam');
  await until('all are told', () => receiver.taken.length === 4);
  const told = receiver.taken.map(({ id, type, timestamp, data }) => {
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
    const { until: ends, ...rest } = data as { until?: string };
    return [id.replace(/\d{13}$/, 'T'), type, rest, ends === undefined ? '' : typeof ends];
  });
  const user = String(userId);
  const banned = { reason: 'spam', step: 0 };
  for (const expected of [
    [`message.delivered:${user}:2`, 'message.delivered', { to: { user }, first: 1, last: 2 }, ''],
    [`ban.made:user:${user}:T`, 'ban.made', { user, ...banned }, 'string'],
    [`ban.lifted:user:${user}:T`, 'ban.lifted', { user }, ''],
    ['ban.made:address:192.0.2.1:T', 'ban.made', { address: '192.0.2.1', ...banned }, 'string'],
  ])
    assert.ok(
      told.some((one) => isDeepStrictEqual(one, expected)),
      JSON.stringify(told),
    );
  const order = told.map(([id]) => id);
  assert.ok(order.indexOf(`ban.made:user:${user}:T`) < order.indexOf(`ban.lifted:user:${user}:T`));
});

test('a webhook learns who comes online and goes offline, also with an im-server that dies', async (t) => {
  const { receiver, senders, store } = await begin(t, takes, { events: ['user.*'] });
  const { sessions } = store();
  const ann = await senders.newUser('ann');
  const { userId } = ann;
  const [one, other] = ['instance-of-ann1', 'instance-of-ann2'] as InstanceId[];
  const logIn = async (instance: InstanceId): Promise<Epoch> => {
    await sessions.openLease(instance);
    const login = {
      user: ann,
      device: CIM_DEVICE,
      label: '',
      instance,
      policy: 'kick',
      secretHash: '',
    } as const;
    const issued = await sessions.issue(login);
    assert.ok(issued.outcome === 'issued');
    await sessions.claim({ userId, instance, epoch: issued.epoch, claim: instance });
    return issued.epoch;
  };
  await sessions.release({ userId, device: CIM_DEVICE }, await logIn(one as InstanceId), one as InstanceId);
  await logIn(other as InstanceId);
  await until('three are told', () => receiver.taken.length === 3);
  await sessions.closeLease(other as InstanceId);
  await until('all are told', () => receiver.taken.length === 4);
  assert.deepEqual(
    receiver.taken.map(({ type, data }) => [type, data]),
    ['user.online', 'user.offline', 'user.online', 'user.offline'].map((type) => [
      type,
      { user: { id: String(userId), name: 'ann' } },
    ]),
  );
  assert.ok(receiver.taken.every(({ id, type }) => id.startsWith(`${type}:${userId}:`)));
});

test('the running relay sends a dead letter again when an operator wants that', async (t) => {
  let status = 500;
  const { receiver, senders, store } = await begin(t, (_, response) => void response.writeHead(status).end());
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  const id = await senders.send(ann, ben, 'one');
  // The schedule of the tests has six tries.
  await until('it is dead', async () => (await letters(store())).some(({ dead }) => dead === true));
  status = 200;
  await senders.send(ann, ben, 'two');
  await until('the next one is told', () => receiver.taken.length === 1);
  const [found] = await store().feed.letters('');
  assert.ok(found !== undefined);
  const text = JSON.stringify({ ...letterOf(found.text), failed: 0, at: 0, dead: undefined });
  assert.ok(await store().feed.changeLetter(found.partition, found.name, found.text, text));
  await until('it is told', () => receiver.taken.length === 2);
  assert.equal(receiver.taken[1]?.data['id'], id);
  await until('no letter is left', async () => (await letters(store())).length === 0);
});

test('a relay without webhooks takes up a new one and trims the feed for it; a removed one leaves nothing', async (t) => {
  const { receiver, senders, store, webhook } = await begin(t);
  await store().webhooks.remove(webhook.id);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  const recorded = async (): Promise<number> => {
    const [records = []] = await store().feed.read([{ partition: '0' as never, after: 0 }], 100);
    return records.length;
  };
  await until('the feed is off and empty', async () => {
    await senders.send(ann, ben, 'nobody is told');
    return (await recorded()) === 0;
  });
  const before = receiver.taken.length;
  await store().webhooks.put(newWebhook(receiver.url));
  await until('it is told', async () => {
    await senders.send(ann, ben, 'x');
    return receiver.taken.length > before + 5;
  });
  await until('the feed is trimmed', async () => (await recorded()) === 1);
});

test('records that are too old leave the feed, also when they are the newest, and the relay goes on', async (t) => {
  const { receiver, senders, store, relay, start } = await begin(t);
  await relay.stop();
  const [ann, ben] = [await senders.newUser(), await senders.newUser()];
  await senders.send(ann, ben, 'old');
  const next = start({ now: () => Date.now() + 7_200_000, keptMs: 3_600_000 });
  const [partition] = store().feed.partitions;
  assert.ok(partition !== undefined);
  const left = async (): Promise<number> => {
    const [records = []] = await store().feed.read([{ partition, after: 0 }], 10);
    return records.length;
  };
  await until('it is told and gone', async () => receiver.taken.length === 1 && (await left()) === 0);
  await senders.send(ann, ben, 'another');
  await until('that is told', () => receiver.taken.length === 2);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
  assert.deepEqual([next.problem, next.partitions], [undefined, 1]);
});

test('after the store has gone back the relay turns the feed on again, though the list of webhooks is the same', async (t) => {
  const { receiver, senders, store, start, relay } = await begin(t);
  await relay.stop();
  const listeners: (() => void)[] = [];
  const kept = store();
  const second = start({ store: { ...kept, onSuccession: (listener) => void listeners.push(listener) } });
  await until('it reads the feed', () => second.problem === undefined && second.partitions > 0);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  // The switch alone is lost.
  const { revision } = await kept.webhooks.list();
  await kept.feed.record({ revision, kinds: [] });
  await senders.send(ann, ben, 'not recorded');
  for (const listener of listeners) listener();
  await until('it is told', async () => {
    await senders.send(ann, ben, 'x');
    return receiver.taken.length > 0;
  });
});

test('a relay whose list of webhooks is older than a partition that it takes loses nothing of a new webhook', async (t) => {
  const { receiver, senders, store, start, relay } = await begin(t);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'one');
  await until('it is told', () => receiver.taken.length === 1);
  await relay.stop();
  await senders.send(ann, ben, 'two');
  const kept = store();
  let lists = 0;
  const { webhooks } = kept;
  start({
    store: {
      ...kept,
      webhooks: {
        list: () => (lists++ === 0 ? Promise.resolve({ revision: 0, items: [] }) : webhooks.list()),
        put: (webhook) => webhooks.put(webhook),
        remove: (id) => webhooks.remove(id),
        note: (id, health) => webhooks.note(id, health),
        health: () => webhooks.health(),
      },
    },
  });
  await until('the other one is told', () => receiver.taken.length === 2);
  assert.deepEqual(
    receiver.taken.map(({ data }) => (data['texts'] as string[])[0]),
    ['one', 'two'],
  );
});

test('a webhook that a dead relay has noted as failing is noted as well when another relay reaches it', async (t) => {
  const { receiver, senders, store, webhook } = await begin(t);
  const { webhooks } = store();
  await webhooks.note(webhook.id, { failingSince: 1, problem: 'it answered HTTP 500', notedAt: 1 });
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await senders.send(ann, ben, 'x');
  await until('it is told', () => receiver.taken.length === 1);
  await until('it is well', async () => {
    const health = (await webhooks.health()).get(webhook.id);
    return health !== undefined && health.failingSince === undefined;
  });
});
