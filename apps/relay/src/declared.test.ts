import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newWebhookSecret } from '@cim/outcall';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore, type Webhook, WEBHOOKS_AT_MOST } from '@cim/store';
import { newWebhook, Receiver, SECRET, Senders, until } from '@cim/testkit';
import { startRelay } from '../test/running-relay.ts';
import { DeclaredWebhooks } from './declared.ts';

async function begin(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'cim-declared-'));
  const store = await openEmbeddedStore({ dir: join(dir, 'data'), logger: silentLogger() });
  t.after(async () => {
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const path = join(dir, 'webhooks.json');
  let files = 0;
  /** Replaces a file in one step, as careful editors do. */
  const put = async (name: string, text: string): Promise<void> => {
    const made = join(dir, `new-${files++}`);
    await writeFile(made, text);
    await rename(made, join(dir, name));
  };
  const write = (...webhooks: unknown[]) => put('webhooks.json', JSON.stringify({ webhooks }));
  let now = 1_000;
  const open = () =>
    new DeclaredWebhooks({
      ...{ webhooks: store.webhooks, path, allowedHosts: ['127.0.0.1'], logger: silentLogger() },
      now: () => now,
    });
  const list = async (): Promise<readonly Webhook[]> => (await store.webhooks.list()).items;
  return { store, path, put, write, open, list, at: (ms: number) => (now = ms) };
}
const CRM = { name: 'crm', url: 'https://crm.example.com/', events: ['message.stored'], secret: SECRET };

test('the webhooks of the file are made, changed and removed with it; those of operators stay', async (t) => {
  const { store, write, open, list, at } = await begin(t);
  const other = newWebhook('https://other.example.com/');
  await store.webhooks.put(other);
  await write(CRM, { ...CRM, name: 'push', events: ['message.offline'], only: ['u1001'], batch: 20 });
  const declared = open();
  await declared.apply();
  const before = await list();
  const of = (webhooks: readonly Webhook[], name: string) => webhooks.find(({ setting }) => setting === name);
  const { id: crm, ...rest } = of(before, 'crm') as Webhook;
  assert.deepEqual(rest, {
    ...{ version: 1, url: CRM.url, events: CRM.events, batch: 1, secrets: [{ secret: SECRET }] },
    ...{ createdAt: 1_000, setting: 'crm' },
  });
  assert.deepEqual([of(before, 'push')?.only, of(before, 'push')?.batch], [['u1001'], 20]);
  // A second relay, and one that starts again, change nothing.
  const { revision } = await store.webhooks.list();
  await open().apply();
  await declared.apply();
  assert.equal((await store.webhooks.list()).revision, revision);
  // A relay with another file has changed it: the two do not undo each other's changes again and again.
  const theirs = { ...(of(before, 'push') as Webhook), version: 2, batch: 7 };
  assert.equal(await store.webhooks.put(theirs), 'ok');
  await declared.apply();
  assert.equal(of(await list(), 'push')?.batch, 7);

  at(5_000);
  const secret = newWebhookSecret();
  await write({ ...CRM, url: 'https://new.example.com/', secret });
  await declared.apply();
  const after = await list();
  const changed = of(after, 'crm');
  assert.deepEqual([changed?.id, changed?.url, changed?.version], [crm, 'https://new.example.com/', 2]);
  assert.deepEqual(changed?.secrets, [{ secret }, { secret: SECRET, until: 5_000 + 24 * 3_600_000 }]);
  assert.deepEqual(
    after.map(({ id }) => id).toSorted(),
    [crm, other.id].toSorted(),
    'push is gone, and the one of an operator is there',
  );
});

test('a webhook that takes the place of another one in the file is made also when there may be no more of them', async (t) => {
  const { store, write, open, list } = await begin(t);
  const others = Array.from({ length: WEBHOOKS_AT_MOST - 1 }, () => newWebhook('https://other.example.com/'));
  for (const answer of await Promise.all(others.map((other) => store.webhooks.put(other))))
    assert.equal(answer, 'ok');
  await write(CRM);
  const declared = open();
  await declared.apply();
  await write({ ...CRM, name: 'crm-2' });
  await declared.apply();
  assert.deepEqual(
    (await list()).flatMap(({ setting = [] }) => setting),
    ['crm-2'],
  );
});

test('a webhook is off when the file says so; one that is off otherwise stays off until the file changes it', async (t) => {
  const { store, write, open, list } = await begin(t);
  const offs = async () => (await list()).map(({ off }) => off);
  await write({ ...CRM, on: false });
  const declared = open();
  await declared.apply();
  assert.deepEqual(await offs(), ['turned off by the file of webhooks']);
  await write(CRM);
  await declared.apply();
  assert.deepEqual(await offs(), [undefined]);
  const [webhook] = await list();
  assert.ok(webhook !== undefined);
  await store.webhooks.put({ ...webhook, version: webhook.version + 1, off: 'it answered HTTP 410' });
  await open().apply();
  assert.deepEqual(await offs(), ['it answered HTTP 410']);
  await write({ ...CRM, url: 'https://new.example.com/' });
  await declared.apply();
  assert.deepEqual(await offs(), [undefined]);
});

test('a secret may be in a file of its own, and is taken over when that changes', async (t) => {
  const { put, write, open, list } = await begin(t);
  await put('crm.secret', `${SECRET}\n`);
  await write({ ...CRM, secret: undefined, secretFile: 'crm.secret' });
  const declared = open();
  await declared.apply();
  const secret = newWebhookSecret();
  await put('crm.secret', `${secret}\n`);
  await declared.apply();
  assert.deepEqual(
    (await list())[0]?.secrets.map((one) => one.secret),
    [secret, SECRET],
  );
});

test('a file that is wrong keeps a relay from starting, and a running one keeps what it has', async (t) => {
  const { put, write, open, list } = await begin(t);
  assert.throws(open, /^Error: CIM_WEBHOOKS_FILE: .*webhooks\.json cannot be read \(ENOENT\)$/);
  await write(CRM);
  const declared = open();
  await declared.apply();
  const before = await list();
  const wrong: readonly (readonly [file: string | readonly unknown[], problem: RegExp])[] = [
    ['{', /is not JSON$/],
    ['[]', /must be an object with a list "webhooks"$/],
    [[7], /has as webhook 1 no object$/],
    [[{ ...CRM, name: 'a b' }], /has as webhook 1 one without a name/],
    [[CRM, CRM], /in "crm": the name is there twice$/],
    [[{ ...CRM, event: [] }], /there is no field "event"; there are name, url/],
    [[{ ...CRM, on: 1 }], /on must be true or false$/],
    [[{ ...CRM, secret: undefined }], /give secret or secretFile, one of them$/],
    [[{ ...CRM, secret: 'x' }], /secret must be whsec_/],
    [[{ ...CRM, secret: undefined, secretFile: 'none' }], /cannot be read \(ENOENT\)$/],
    [[{ ...CRM, url: 'http://10.0.0.1/' }], /url /],
    [[{ ...CRM, url: undefined }], /url and events must be given$/],
    [[{ ...CRM, events: ['message.lost'] }], /there is no event "message\.lost"/],
    [[{ ...CRM, only: ['x'] }], /only has "x"/],
    [[{ ...CRM, batch: 0 }], /batch must be a whole number from 1 to 100$/],
  ];
  for (const [file, problem] of wrong) {
    if (typeof file === 'string') await put('webhooks.json', file);
    else await write(...file);
    await declared.apply();
    assert.deepEqual(await list(), before, String(problem));
    assert.throws(open, problem);
  }
  await write();
  await declared.apply();
  assert.deepEqual(await list(), []);
});

test('a running relay tells a webhook that comes into the file', async (t) => {
  const { store, write, open } = await begin(t);
  await using receiver = await new Receiver(SECRET).start();
  await write();
  const relay = startRelay(store, { declared: open() });
  t.after(() => relay.stop());
  await until('the relay works', () => relay.problem === undefined);
  const senders = new Senders(store);
  const [ann, ben] = [await senders.newUser(), await senders.newUser()];
  await write({ ...CRM, url: receiver.url });
  await until('it is told', async () => {
    await senders.send(ann, ben, 'x');
    return receiver.taken.length > 0;
  });
});
