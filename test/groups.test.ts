/** Groups in a cluster of real processes: members come and go, and an im-server is killed, while messages flow. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

interface Member {
  readonly client: CimClient;
  readonly id: number;
  /** Texts of groups, as they were shown: `<group> <text>`. */
  readonly shown: string[];
}

const MESSAGES = 60;
let cluster: Cluster;
const members: Member[] = [];

before(async () => {
  cluster = await Cluster.start({ routes: 1, imServers: 2 });
});
after(async () => {
  await Promise.all(members.map(({ client }) => client.close()));
  await cluster[Symbol.asyncDispose]();
});

async function logIn(userName: string): Promise<Member> {
  const client = new CimClient({
    routeUrl: cluster.routes[0]?.routeUrl ?? '',
    userName,
    state: memoryState(),
  });
  const shown: string[] = [];
  client.on('message', ({ group, texts }) => {
    if (group !== undefined) shown.push(...texts.map((text) => `${group} ${text}`));
  });
  await client.connect();
  const member = { client, id: client.user?.userId ?? 0, shown };
  members.push(member);
  return member;
}

const texts = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${name}${from + i}`);

/** Sends one after the other, and answers what was stored. */
async function say(by: Member, group: string, what: readonly string[]): Promise<string[]> {
  const stored: string[] = [];
  for (const text of what) {
    const { outcome } = await by.client.send({ group }, [text]);
    if (outcome === 'stored') stored.push(`${group} ${text}`);
  }
  return stored;
}

const of = (member: Member, group: string, name: string): string[] =>
  member.shown.filter((text) => text.startsWith(`${group} ${name}`));

describe('groups in a cluster of two im-servers', { concurrency: false }, () => {
  test('members are shown what was said between their join and their removal, once and in order', async () => {
    const [owner, stays, leaves, comes] = await Promise.all(
      ['olga', 'stan', 'lena', 'cora'].map((name) => logIn(name)),
    );
    assert.ok(owner && stays && leaves && comes);
    const { id: group } = await owner.client.groups.create({ name: 'walks' });
    await owner.client.groups.add(group, [stays.id, leaves.id]);
    const before = await say(owner, group, texts('before', 0, MESSAGES));
    // Messages of two members flow while one comes and one goes.
    const flow = Promise.all([
      say(owner, group, texts('owner', 0, MESSAGES)),
      say(stays, group, texts('stays', 0, MESSAGES)),
    ]);
    await owner.client.groups.add(group, [comes.id]);
    await owner.client.groups.remove(group, leaves.id);
    const [byOwner, byStays] = await flow;
    const afterwards = await say(owner, group, texts('after', 0, MESSAGES));
    assert.equal(before.length + byOwner.length + byStays.length + afterwards.length, 4 * MESSAGES);
    await until(
      'all have the last',
      () => [stays, comes].every(({ shown }) => shown.includes(afterwards.at(-1) ?? '')),
      45_000,
    );
    assert.deepEqual(of(stays, group, 'before'), before);
    assert.deepEqual(of(stays, group, 'owner'), byOwner);
    assert.deepEqual(of(stays, group, 'after'), afterwards);
    assert.deepEqual(of(owner, group, 'stays'), byStays);
    // Who came later has a whole tail, from the join on.
    assert.deepEqual(of(comes, group, 'before'), []);
    assert.deepEqual(of(comes, group, 'after'), afterwards);
    for (const [name, stored] of [
      ['owner', byOwner],
      ['stays', byStays],
    ] as const) {
      const tail = of(comes, group, name);
      assert.deepEqual(tail, stored.slice(stored.length - tail.length), name);
      // Who was removed has a whole beginning.
      const start = of(leaves, group, name);
      assert.deepEqual(start, stored.slice(0, start.length), name);
    }
    assert.deepEqual(of(leaves, group, 'before'), before);
    assert.deepEqual(of(leaves, group, 'after'), []);
    const refused = await leaves.client.send({ group }, ['still here']);
    assert.ok(refused.outcome === 'refused');
    assert.equal(refused.code, '9201');
  });

  test('an im-server that is killed costs its members nothing, in many groups', {
    timeout: 150_000,
  }, async () => {
    const people = await Promise.all(['kim', 'lou', 'max', 'ned', 'pia', 'rob'].map((name) => logIn(name)));
    const [first] = people;
    assert.ok(first);
    const groups: string[] = [];
    for (let i = 0; i < 4; i++) {
      const { id } = await first.client.groups.create({ name: `group ${i}` });
      await first.client.groups.add(
        id,
        people.slice(1).map(({ id: user }) => user),
      );
      groups.push(id);
    }
    const stored = new Map<string, string[]>();
    const flow = Promise.all(
      groups.map(async (group, i) => {
        const by = people[i + 1];
        assert.ok(by);
        stored.set(group, await say(by, group, texts('text', 0, MESSAGES)));
      }),
    );
    await until('messages flow', () => people.every(({ shown }) => shown.length >= 8), 45_000);
    const [killed] = cluster.imServers;
    assert.ok(killed);
    assert.ok(people.some(({ client }) => client.server.endsWith(`:${killed.tcpPort}`)));
    await killed.end('SIGKILL');
    await flow;
    for (const [i, group] of groups.entries()) {
      const texts = stored.get(group) ?? [];
      assert.equal(texts.length, MESSAGES);
      for (const member of people) {
        if (member === people[i + 1]) continue;
        await until(`all of a group have come`, () => of(member, group, 'text').length >= MESSAGES, 90_000);
        assert.deepEqual(of(member, group, 'text'), texts);
      }
    }
  });
});
