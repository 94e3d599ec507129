/** Operators: the real `cim` program asks two routes about two im-servers, with Redis and ZooKeeper. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

const TOKEN = 'a-token-of-thirty-two-characters!';

let cluster: Cluster;
let folder: string;
const clients: CimClient[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cim-admin-'));
  await writeFile(join(folder, 'token'), `${TOKEN}\n`);
  cluster = await Cluster.start({
    routes: 2,
    imServers: 2,
    env: { CIM_ADMIN_TOKEN: TOKEN, CIM_SESSION_POLICY: 'devices' },
  });
});

after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program against a route, with the token in a file. */
function cim(
  words: readonly string[],
  { route = 0, token = join(folder, 'token'), url = '' } = {},
): Promise<Ran> {
  const at = url === '' ? (cluster.routes[route]?.routeInternalUrl ?? '') : url;
  const all = ['dist/cim.js', 'admin', ...words, '--route-internal', at, '--token-file', token];
  const { PATH } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env: { PATH } }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

/** The answer of the API as the program prints it with --json. */
async function json<T>(...words: readonly string[]): Promise<T> {
  const { code, out, err } = await cim([...words, '--json']);
  assert.equal(code, 0, err);
  return JSON.parse(out) as T;
}

/** The same without a process, for questions that are repeated often. */
async function api<T>(path: string): Promise<T> {
  const answer = await fetch(`${cluster.routes[0]?.routeInternalUrl ?? ''}/admin${path}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as T;
}

/** Runs a command that must be refused. Answers its exit code and its one line. */
async function refusal(
  words: readonly string[],
  options?: Parameters<typeof cim>[1],
): Promise<[number, string]> {
  const { code, out, err } = await cim(words, options);
  assert.equal(out, '');
  assert.match(err, /^cim admin: [^\n]+\n$/);
  return [code, err.trim()];
}

interface Person {
  readonly client: CimClient;
  readonly id: number;
  readonly shown: string[];
  /** Why the client ended; undefined while it has not. */
  readonly ended: () => string | undefined;
}

async function logIn(userName: string, label: string, route = 0): Promise<Person> {
  const routeUrl = cluster.routes[route]?.routeUrl ?? '';
  const client = new CimClient({ routeUrl, userName, label, state: memoryState() });
  clients.push(client);
  const shown: string[] = [];
  let ended: string | undefined;
  client.on('message', ({ texts }) => void shown.push(...texts));
  client.on('closed', ({ reason }) => {
    ended = reason;
  });
  await client.connect();
  return { client, id: client.user?.userId ?? 0, shown, ended: () => ended };
}

async function send(by: Person, to: { user: number } | { group: string }, text: string): Promise<string> {
  const outcome = await by.client.send(to, text);
  assert.ok(outcome.outcome === 'stored');
  return outcome.id;
}

/** Instance of the im-server that a client is connected to. */
async function serverOf({ client }: Person): Promise<string> {
  const { items } = await api<{ items: { instance: string; host: string; tcpPort: number }[] }>('/servers');
  return items.find(({ host, tcpPort }) => client.server === `${host}:${tcpPort}`)?.instance ?? '';
}

async function post(path: string, body: object, secret = ''): Promise<Record<string, unknown>> {
  const answer = await fetch(`${cluster.routes[0]?.routeUrl ?? ''}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(secret !== '' && { authorization: `Bearer ${secret}` }),
    },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as Record<string, unknown>;
}

/** The session secret of a new account that sends over HTTP. */
async function secretOf(name: string): Promise<string> {
  await post('/v1/accounts', { name });
  return String((await post('/v1/sessions', { name }))['secret']);
}

interface Finding {
  readonly is: string;
  readonly why?: string;
}
interface Trace {
  readonly conversation: string;
  readonly kept: boolean;
  readonly seq: number;
  readonly recipients: readonly {
    readonly user: { readonly name: string };
    readonly delivered: Finding;
    readonly read: Finding;
    readonly devices: readonly {
      readonly device: string;
      readonly server?: string;
      readonly pushed: Finding;
      readonly delivered: Finding;
    }[];
  }[];
  readonly next?: string;
}

const recipient = (trace: Trace, name: string) => {
  const found = trace.recipients.find(({ user }) => user.name === name);
  assert.ok(found, `${name} in ${JSON.stringify(trace)}`);
  return found;
};

describe('cim admin, on a cluster of two routes and two im-servers', { concurrency: false }, () => {
  let alice: Person;
  let phone: Person;
  let desk: Person;

  before(async () => {
    alice = await logIn('alice', 'pad');
    phone = await logIn('bob', 'phone', 1);
    desk = await logIn('bob', 'desk');
  });

  test('lists the im-servers with load and age, on each route, in 80 columns', async () => {
    for (const route of [0, 1]) {
      const { code, out } = await cim(['servers'], { route });
      assert.equal(code, 0);
      const [heading = '', ...lines] = out.trimEnd().split('\n');
      assert.match(heading, /^SERVER +ADDRESS +UP +SESS +CONN +CPU +LOOP +VER$/);
      assert.match(lines.at(-1) ?? '', /^route \S+, started \d+\w ago: CPU \d+%, event loop \d+ms$/);
      for (const line of lines.slice(0, 2)) {
        assert.match(line, /^\S{16} +127\.0\.0\.1:\d+ +\d+[smh] +\d+ +\d+ +\d+% +\d+ms +\S+$/);
        assert.ok(line.length <= 80, line);
      }
    }
    const { items } = await json<{ items: { load: { sessions: number; serving: boolean } }[] }>('servers');
    assert.equal(
      items.reduce((sum, { load }) => sum + load.sessions, 0),
      3,
    );
    assert.ok(items.every(({ load }) => load.serving));
  });

  test("shows a user's devices: where each is, how far it has come", async () => {
    await send(alice, { user: phone.id }, 'one');
    await until('both devices show it', () => phone.shown.length === 1 && desk.shown.length === 1);
    interface Device {
      readonly label: string;
      readonly server: string;
      readonly connected: Finding;
      readonly address: string;
      readonly cursor: number;
      readonly backlog: number;
    }
    const labelled = async (): Promise<Device[]> =>
      (await api<{ devices: Device[] }>('/users/bob')).devices.toSorted((a, b) =>
        a.label < b.label ? -1 : 1,
      );
    await until('both have acked', async () => (await labelled()).every(({ backlog }) => backlog === 0));
    const expected = await Promise.all(
      [desk, phone].map(async (device, i) => ({
        label: ['desk', 'phone'][i],
        ...{
          server: await serverOf(device),
          connected: { is: 'yes' },
          address: '127.0.0.1',
          cursor: 1,
          backlog: 0,
        },
      })),
    );
    assert.deepEqual(
      (await labelled()).map(({ label, server, connected, address, cursor, backlog }) => ({
        ...{ label, server, connected, address, cursor, backlog },
      })),
      expected,
    );
    const { out } = await cim(['user', String(phone.id)]);
    assert.match(out, /^user \d+, bob; newest entry of the timeline: 1\nDEVICE +LABEL +SERVER/);
  });

  test('lists who is online by im-server, page by page', async () => {
    const all: string[] = [];
    let after: string[] = [];
    for (;;) {
      const { items, next } = await json<{ items: { name: string; server: string }[]; next?: string }>(
        ...['online', '--limit', '1', ...after],
      );
      all.push(...items.map(({ name, server }) => `${server} ${name}`));
      if (next === undefined) break;
      after = ['--after', next];
    }
    const expected = new Set(
      await Promise.all(
        [alice, phone, desk].map(async (one) => `${await serverOf(one)} ${one === alice ? 'alice' : 'bob'}`),
      ),
    );
    assert.deepEqual(all, [...expected].sort());
    const only = await serverOf(desk);
    const { items } = await json<{ items: { server: string }[] }>('online', '--server', only);
    assert.ok(items.length > 0 && items.every(({ server }) => server === only));
  });

  test('traces a private message: stored, pushed, delivered, read, and what is not known while an im-server hangs', async () => {
    const away = await logIn('carol', 'home');
    await away.client.close();
    const toCarol = recipient(
      await json<Trace>('trace', await send(alice, { user: away.id }, 'later'), '--in', `u${away.id}`),
      'carol',
    );
    assert.deepEqual(toCarol.delivered, { is: 'no' });
    assert.deepEqual(toCarol.devices[0]?.pushed, { is: 'no', why: 'the device is not connected' });

    const id = await send(alice, { user: phone.id }, 'two');
    await until('both devices show it', () => phone.shown.includes('two') && desk.shown.includes('two'));
    const bob = async () => recipient(await api<Trace>(`/messages/${id}?in=u${phone.id}`), 'bob');
    await until('both have acked', async () =>
      (await bob()).devices.every(({ delivered }) => delivered.is === 'yes'),
    );
    // A client counts its messages to each conversation, so the id is also that of alice's first message to
    // carol.
    const [, several] = await refusal(['trace', `${id.slice(0, id.lastIndexOf(':'))}:1`]);
    assert.match(
      several,
      new RegExp(`2 messages have this id, one each in u${phone.id}, u${away.id}; name the conversation$`),
    );
    const found = await bob();
    assert.deepEqual(
      [found.delivered.is, found.read.is, ...found.devices.map(({ pushed }) => pushed.is)],
      ['yes', 'no', 'yes', 'yes'],
    );
    assert.deepEqual(
      found.devices.map(({ server }) => server).sort(),
      (await Promise.all([phone, desk].map(serverOf))).sort(),
    );
    const { out } = await cim(['trace', id, '--in', `u${phone.id}`], { route: 1 });
    assert.match(
      out,
      /^message \S+\nfrom alice \(\d+\) to bob \(\d+\)\nstored \S+, \d+s ago; entry 2 of its log\n/,
    );
    assert.match(out, /\nUSER +DEVICE +SERVER +PUSHED +DELIVERED +READ\nbob \(\d+\) /);
    await phone.client.conversation({ user: alice.id }).read();
    assert.deepEqual((await bob()).read, { is: 'yes' });

    // A hung im-server may or may not have sent an entry: the answer is neither yes nor no.
    const hung = cluster.imServers.find(({ tcpPort }) => desk.client.server.endsWith(`:${tcpPort}`));
    assert.ok(hung);
    const hungInstance = await serverOf(desk);
    const secret = await secretOf('dave');
    hung.freeze();
    try {
      const sent = await post('/v1/messages', { to: { user: String(phone.id) }, texts: ['hangs'] }, secret);
      const third = String(sent['id']);
      const there = recipient(await json<Trace>('trace', third), 'bob');
      const atHung = there.devices.find(({ server }) => server === hungInstance);
      assert.deepEqual(atHung?.pushed, { is: 'unknown', why: 'the im-server does not answer' });
      assert.equal(atHung.delivered.is, 'unknown');
      const { out: table } = await cim(['servers']);
      assert.match(table, /^\S+: load unknown, the im-server does not answer$/m);
    } finally {
      hung.thaw();
    }
  });

  test('traces a group message member by member, page by page', async () => {
    const group = await alice.client.groups.create({ name: 'team', users: [phone.id] });
    await until('bob is a member', async () => (await phone.client.groups.list()).items.length === 1);
    assert.match((await cim(['groups', 'bob'])).out, /^ID +NAME +ROLE +CATEGORY\n\d+ +team +member +-\n$/);
    const listed = (await cim(['members', group.id])).out;
    assert.match(listed, /^ID +NAME +ROLE +MUTED\n/);
    assert.match(listed, /^\d+ +alice +owner +no$/m);
    assert.match(listed, /^\d+ +bob +member +no$/m);
    const id = await send(alice, { group: group.id }, 'all');
    await until('both devices show it', () => phone.shown.includes('all') && desk.shown.includes('all'));
    const pages: Trace[] = [];
    await until('every device has acked', async () => {
      pages.length = 0;
      let after = '';
      for (;;) {
        const page = await api<Trace>(`/messages/${id}?in=g${group.id}&limit=1${after}`);
        pages.push(page);
        if (page.next === undefined) break;
        after = `&after=${page.next}`;
      }
      return pages.every(({ recipients }) => recipients.every(({ delivered }) => delivered.is === 'yes'));
    });
    const members = pages.flatMap(({ recipients }) => recipients);
    assert.deepEqual(members.map(({ user }) => user.name).sort(), ['alice', 'bob']);
    assert.equal(pages[0]?.conversation, `g${group.id}`);
    assert.deepEqual(
      members.map(({ user, read }) => `${user.name} ${read.is}`).sort(),
      ['alice yes', 'bob no'],
      'whoever wrote it has read it',
    );
    const only = await json<Trace>('trace', id, '--in', `g${group.id}`, '--user', 'bob');
    assert.deepEqual(
      only.recipients.map(({ user, devices }) => [user.name, devices.length]),
      [['bob', 2]],
    );
  });

  test('ends the session of one device, and of a user; suspends and lets in again', async () => {
    const { devices } = await json<{ devices: { device: string; label: string }[] }>('user', 'bob');
    const deskId = devices.find(({ label }) => label === 'desk')?.device ?? '';
    const kicked = await cim(['kick', 'bob', '--device', deskId], { route: 1 });
    assert.match(kicked.out, new RegExp(`^DEVICE +SERVER\n${deskId} `));
    await until('the desk has ended', () => desk.ended() !== undefined);
    assert.deepEqual([desk.ended(), phone.ended()], ['logged-out', undefined]);
    const { ended } = await json<{ ended: unknown[] }>('kick', String(phone.id));
    assert.equal(ended.length, 1);
    await until('the phone has ended', () => phone.ended() === 'logged-out');
    assert.match((await cim(['kick', 'bob'])).out, /^there was no session to end\n$/);

    assert.equal((await cim(['bans', 'add', `user:${phone.id}`, '--reason', 'spam'])).code, 0);
    assert.match(
      (await cim(['bans', 'list'], { route: 1 })).out,
      /^SUBJECT +ENDS +BY +REASON\nuser:\d+ +in 59m +operator +spam\n$/,
    );
    await assert.rejects(logIn('bob', 'again'), /suspended/);
    assert.match((await cim(['user', 'bob'])).out, /^suspended, ends in 59m$/m);
    assert.equal((await cim(['bans', 'remove', `user:${phone.id}`])).code, 0);
    const again = await logIn('bob', 'again');
    await again.client.blocks.add(alice.id);
    assert.match((await cim(['blocks', 'bob'])).out, /^ID +NAME\n\d+ +alice\n$/);
  });

  test('makes, lists and revokes API keys, one of which opens the admin API', async () => {
    const made = await json<{ key: string; prefix: string }>(
      'api-keys',
      'create',
      'ops',
      '--scopes',
      'admin',
    );
    const file = join(folder, 'key');
    await writeFile(file, made.key);
    assert.match(
      (await cim(['api-keys', 'list'], { token: file, route: 1 })).out,
      new RegExp(`^${made.prefix} +ops +admin `, 'm'),
    );
    assert.equal((await cim(['api-keys', 'revoke', made.prefix])).code, 0);
    const [code, line] = await refusal(['api-keys', 'list'], { token: file });
    assert.equal(code, 1);
    assert.match(line, /does not take this token/);
  });

  test('says in one line what is wrong, and how: a token, a server, a user, a message', async () => {
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, TOKEN.replace('a', 'b'));
    const taken = cluster.routes[0]?.routeUrl ?? '';
    const me = alice.id;
    for (const [words, expected, line, options] of [
      [['servers'], 1, /does not take this token/, { token: wrong }],
      [['servers'], 3, /has no admin API; give the internal port/, { url: taken }],
      [['servers'], 3, /does not answer: .*ECONNREFUSED/, { url: 'http://127.0.0.1:1' }],
      [['online', '--server', 'gone-instance-00'], 1, /no im-server "gone-instance-00" is listed/],
      [['user', 'nobody'], 1, /there is no user "nobody"/],
      [['kick', '999999'], 1, /there is no user "999999"/],
      [['kick', 'alice', '--device', 'not-a-device-00001'], 1, /the user has no device not-a-device-00001/],
      [['trace', 'hello'], 1, /a message id is <sender>:<producer>:<counter>/],
      [['trace', '999999:a-producer-00000000:1'], 1, /there is no user 999999, whose message this would be/],
      [['trace', `${me}:a-producer-00000000:1`], 1, /no log that its sender writes to holds this message/],
      [
        ['trace', `${me}:a-producer-00000000:1`, '--in', 'globby'],
        1,
        /the log of globby does not hold this message/,
      ],
      [['trace', `${me}:a-producer-00000000:1`, '--in', 'x1'], 1, /in must be "u" and a user id/],
      [['online', '--after', 'bogus'], 1, /cursor belongs to another list/],
      [['online', '--limit', '0'], 1, /limit must be/],
    ] as const) {
      const [code, said] = await refusal(words, options);
      assert.equal(code, expected, said);
      assert.match(said, line);
    }
  });

  test('is logged by the route with its actor, act, target, address and outcome', () => {
    const acts = cluster.routes
      .flatMap(({ log }) => log.split('\n'))
      .filter((line) => line.includes('"admin.act"'))
      .map((line) => JSON.parse(line) as Record<string, string>);
    const noted = new Set(acts.map(({ act, outcome }) => `${act} ${outcome}`));
    for (const expected of [
      ...['user.show done', 'user.show refused', 'user.kick done', 'user.kick refused', 'user.blocks done'],
      ...['message.trace done', 'message.trace refused', 'online.list done', 'online.list refused'],
      ...['ban done', 'unban done', 'api-key.create done', 'api-key.revoke done'],
    ])
      assert.ok(noted.has(expected), expected);
    assert.ok(acts.every(({ from, actor, target }) => from === '127.0.0.1' && actor !== '' && target !== ''));
    assert.ok(!cluster.routes.some(({ log }) => log.includes(TOKEN)));
  });
});
