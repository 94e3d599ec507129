/**
 * What large groups, and many of them, cost: a group of 100,000 members of whom 5,000 are connected, a user of 1,000 groups,
 * and sessions of 100 groups. Run: `node --import tsx bench/groups.ts [members] [online]`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cim,
  encodeFrame,
  FrameDecoder,
  type GroupId,
  groupStream,
  type NamedUser,
  parseUserName,
  type ProducerId,
} from '@cim/protocol';
import { randomText, silentLogger } from '@cim/runtime';
import { type GroupOperation, openEmbeddedStore, type Store } from '@cim/store';
import { ServerProcess, until } from '@cim/testkit';
import { PRELOAD_GC, residentBytes, total } from './processes.ts';

const [MEMBERS = 100_000, ONLINE = 5_000] = process.argv.slice(2).map(Number);
const AT_ONCE = 50;
const IDLE = 500;

const name = (i: number): string => `m${i}`;
const ms = (from: number): string => `${(performance.now() - from).toFixed(0)} ms`;
const print = (what: string, figure: string): void => console.log(`${what}: ${figure}`);

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const one = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Accounts and groups that are there before anything is measured. */
async function seed(store: Store): Promise<{ accounts: NamedUser[]; many: NamedUser; idle: NamedUser[] }> {
  const register = async (userName: string): Promise<NamedUser> => {
    const parsed = parseUserName(userName);
    if (!parsed.ok) throw new Error(userName);
    return (await store.accounts.register(parsed.name)).account;
  };
  const all = (count: number, prefix: string): Promise<NamedUser[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => register(`${prefix}${i}`)));
  const [accounts, [many], idle] = [await all(MEMBERS, 'm'), await all(1, 'many'), await all(IDLE, 'idle')];
  if (many === undefined) throw new Error('nobody is registered');
  const create = async (owner: NamedUser, users: readonly NamedUser[]): Promise<void> => {
    const producer = randomText(24) as ProducerId;
    const operation: GroupOperation = { kind: 'create', name: 'a group', category: '', join: 'open', users };
    const content = cim.Content.encode({ type: 'member', body: Buffer.from('{"op":"create"}') }).finish();
    const stream = groupStream(await store.groups.newId());
    const item = { stream, sender: owner, producer, counter: 1, digest: producer, content, operation };
    await new Promise<void>((resolve) => store.streams.append(item, () => resolve()));
  };
  for (let i = 0; i < 1_000; i++) await create(many, []);
  for (let i = 0; i < 100; i++) await create(many, idle);
  return { accounts, many, idle };
}

class Session {
  readonly #socket: Socket;
  entries = 0;
  groups = 0;

  constructor(port: number, userId: number, ticket: string) {
    this.#socket = connect(port, '127.0.0.1');
    const decoder = new FrameDecoder(1 << 20);
    this.#socket.on('data', (chunk) =>
      decoder.push(chunk, (body) => {
        const { welcome, deliver, resumed } = cim.Frame.decode(body);
        if (welcome !== null) this.#say({ resume: { cursors: [{ group: '', seq: 0 }], groups: true } });
        this.groups += resumed?.streams?.length ?? 0;
        const seq = deliver?.entries?.at(-1)?.seq ?? 0;
        this.entries += deliver?.entries?.length ?? 0;
        if (seq > 0) this.#say({ ack: { group: deliver?.group ?? '', seq } });
        return true;
      }),
    );
    const pings = setInterval(() => this.#say({ ping: {} }), 8_000);
    this.#socket.on('error', () => undefined).on('close', () => clearInterval(pings));
    this.#say({ login: { userId, ticket, level: 1 } });
  }

  #say(frame: cim.Frame.$Properties): void {
    this.#socket.write(encodeFrame(cim.Frame, frame));
  }

  end(): void {
    this.#socket.destroy();
  }
}

const dir = await mkdtemp(join(tmpdir(), 'cim-groups-'));
const store = await openEmbeddedStore({ dir, logger: silentLogger() });
const { accounts, many, idle } = await seed(store);
await store.stop();
const start = (): Promise<ServerProcess> =>
  ServerProcess.start(
    'standalone',
    {
      CIM_DATA_DIR: dir,
      CIM_LOGIN_RATE: '1000000',
      CIM_LIMIT_JOIN: 'off',
      CIM_LOG_LEVEL: 'warn',
      CIM_SESSION_POLICY: 'devices',
      NODE_OPTIONS: `--import ${PRELOAD_GC}`,
    },
    Infinity,
  );
let server = await start();
const resident = async (): Promise<number> =>
  total(await residentBytes([{ name: 'server', pid: server.pid, collects: true }]));
const sessions: Session[] = [];
/** Memory of a process that has done nothing yet can be compared. */
const startAnew = async (): Promise<void> => {
  for (const session of sessions.splice(0)) session.end();
  await server.end('SIGTERM');
  server = await start();
};
try {
  const ask = async (method: string, path: string, body: object | undefined, secret?: string) => {
    const answer = await fetch(`${server.routeUrl}/v1${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Record<string, never>;
  };
  const logIn = async (userName: string, device = 'a-device-of-groups'): Promise<string> => {
    const { secret, ticket, user, address } = (await ask('POST', '/sessions', {
      name: userName,
      device,
    })) as unknown as {
      secret: string;
      ticket: string;
      user: { id: string };
      address: { port: number };
    };
    sessions.push(new Session(address.port, Number(user.id), ticket));
    return secret;
  };

  const owner = await logIn(name(0));
  let begun = performance.now();
  const { id } = (await ask('POST', '/groups', { name: 'all', join: 'open' }, owner)) as unknown as {
    id: GroupId;
  };
  // Those who will be online come last: a device gets all changes of the group since its user joined.
  const others = accounts.slice(1).map(({ userId }) => String(userId));
  others.reverse();
  const hundreds = Array.from({ length: Math.ceil(others.length / 100) }, (_, i) =>
    others.slice(i * 100, i * 100 + 100),
  );
  for (const users of hundreds) await ask('POST', `/groups/${id}/members`, { users }, owner);
  print(`create a group of ${MEMBERS} members, 100 at once, one request after the other`, ms(begun));

  await inTurns(
    Array.from({ length: ONLINE - 1 }, (_, i) => i + 1),
    async (i) => {
      await logIn(name(i));
    },
  );
  await until('all follow the group', () => sessions.every(({ groups }) => groups > 1), 120_000);
  const answers: number[] = [];
  const reached: number[] = [];
  for (let i = 0; i < 20; i++) {
    const before = sessions.map(({ entries }) => entries);
    begun = performance.now();
    await ask('POST', '/messages', { to: { group: id }, texts: [`hello ${i}`] }, owner);
    answers.push(performance.now() - begun);
    await until(
      'all have it',
      () => sessions.every(({ entries }, at) => entries > (before[at] ?? 0)),
      60_000,
    );
    reached.push(performance.now() - begun);
  }
  const median = (of: number[]): string => `${(of.sort((a, b) => a - b)[of.length >> 1] ?? 0).toFixed(0)} ms`;
  print(`send a message, ${ONLINE} online: answer`, median(answers));
  print(`send a message, ${ONLINE} online: all have it (looked at every 20 ms or so)`, median(reached));

  begun = performance.now();
  let pages = 0;
  for (let after = '', more = true; more; pages++) {
    const query = `limit=1000${after === '' ? '' : `&after=${after}`}`;
    const { next } = (await ask('GET', `/groups/${id}/members?${query}`, undefined, owner)) as {
      next?: string;
    };
    more = next !== undefined;
    after = next ?? '';
  }
  print(`page all members, ${pages} pages of 1,000`, ms(begun));

  const removals: number[] = [];
  for (let i = 1; i <= 20; i++) {
    begun = performance.now();
    await ask('DELETE', `/groups/${id}/members/${String(accounts[i]?.userId)}`, undefined, owner);
    removals.push(performance.now() - begun);
  }
  print('remove a member: answer', median(removals));
  await startAnew();

  let before = await resident();
  const logins: number[] = [];
  for (let i = 0; i < 8; i++) {
    begun = performance.now();
    await logIn(many.userName, `device-of-many-${i}`);
    await until('all groups are followed', () => (sessions.at(-1)?.groups ?? 0) > 1_000, 60_000);
    logins.push(performance.now() - begun);
  }
  print('log in as a member of 1,100 groups, until all are followed', median(logins));
  print('memory of such a session', `${(((await resident()) - before) / 8 / 1_024) | 0} KiB`);
  await startAnew();

  before = await resident();
  await inTurns(accounts.slice(-IDLE), async ({ userName }) => {
    await logIn(userName);
  });
  await new Promise((resolve) => setTimeout(resolve, 35_000));
  const plain = (await resident()) - before;
  await inTurns(idle, async ({ userName }) => {
    await logIn(userName);
  });
  await until('all follow', () => sessions.slice(IDLE).every(({ groups }) => groups > 100), 60_000);
  await new Promise((resolve) => setTimeout(resolve, 40_000));
  const inGroups = (await resident()) - before - plain;
  print(`an idle session in one group, mean of ${IDLE}`, `${(plain / IDLE / 1_024).toFixed(1)} KiB`);
  print(`an idle session in 100 groups, mean of ${IDLE}`, `${(inGroups / IDLE / 1_024).toFixed(1)} KiB`);
} finally {
  for (const session of sessions) session.end();
  await server.end();
  await rm(dir, { recursive: true, force: true });
}
process.exit(0);
