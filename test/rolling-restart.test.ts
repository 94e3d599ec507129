/** Every server is restarted, one after another, while people talk: nobody notices more than a pause. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimClient, memoryState, type Recipient } from '@cim/client/node';
import { freePorts, RedisProcess, ServerProcess, until, ZooKeeperProcess } from '@cim/testkit';

/** Between two sends of one sender, ms: 4 senders, 100 sends a second together. */
const PACE_MS = 40;
const EXIT_WITHIN_MS = 15_000;
/** Texts that everybody sends between two restarts. */
const BETWEEN = 25;

interface Person {
  readonly client: CimClient;
  readonly id: number;
  /** Texts in the order shown, by the stream that they came in. */
  readonly shown: { readonly inbox: string[]; readonly lobby: string[] };
  /** What must not happen: `closed`, `error`, `lost`, `skipped`. */
  readonly alarms: string[];
}

async function join(userName: string, routeUrl: string): Promise<Person> {
  const client = new CimClient({ routeUrl, userName, state: memoryState() });
  const person: Omit<Person, 'id'> = { client, shown: { inbox: [], lobby: [] }, alarms: [] };
  client.on('message', (message) => {
    person.shown[message.texts[0]?.startsWith('lobby') === true ? 'lobby' : 'inbox'].push(...message.texts);
  });
  for (const event of ['closed', 'error', 'lost', 'skipped'] as const)
    client.on(event, (value) => person.alarms.push(`${event} ${JSON.stringify(value)}`));
  await client.connect();
  return { ...person, id: client.user?.userId ?? 0 };
}

/** Sends at a steady pace, however long answers take. */
class Talk {
  /** In the order sent. */
  readonly texts: string[] = [];
  /** What was answered, when it was not `stored`. */
  readonly amiss: string[] = [];
  stored = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<Promise<void>>();

  constructor(from: Person, to: Recipient, name: string) {
    this.#timer = setInterval(() => {
      const text = `${name} ${this.texts.length}`;
      this.texts.push(text);
      const answered = from.client.send(to, [text]).then((answer) => {
        if (answer.outcome === 'stored') this.stored++;
        else this.amiss.push(`${text}: ${JSON.stringify(answer)}`);
        this.#waiting.delete(answered);
      });
      this.#waiting.add(answered);
    }, PACE_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#waiting);
  }
}

test('all servers restart one after another under load: exit 0 in time, nothing refused, lost, twice or out of order', {
  timeout: 150_000,
}, async (t) => {
  await using redis = await RedisProcess.start();
  await using zooKeeper = await ZooKeeperProcess.start();
  const env = { CIM_REDIS_URL: redis.url, CIM_ZK: zooKeeper.address };
  const routePorts = await freePorts(2);
  const startRoute = (port: number) => ServerProcess.start('route', { ...env, CIM_ROUTE_PORT: String(port) });
  const startImServer = () => ServerProcess.start('im-server', env);
  const routes = await Promise.all(routePorts.map(startRoute));
  const imServers = await Promise.all([startImServer(), startImServer(), startImServer()]);
  const people: Person[] = [];
  const talks: Talk[] = [];
  const exits: string[] = [];
  try {
    await until('both routes can place logins', async () => {
      const ready = await Promise.all(routes.map(({ routeUrl }) => fetch(`${routeUrl}/readyz`)));
      return ready.every(({ status }) => status === 200);
    });
    for (let i = 0; i < 6; i++) people.push(await join(`person-${i}`, routes[i % 2]?.routeUrl ?? ''));
    const [ann, bob, cid, dan, eve, fay] = people;
    assert.ok(ann && bob && cid && dan && eve && fay);
    const toEve = [new Talk(ann, { user: eve.id }, 'ann'), new Talk(bob, { user: eve.id }, 'bob')];
    const toFay = new Talk(cid, { user: fay.id }, 'cid');
    const toAll = new Talk(dan, { group: 'lobby' }, 'lobby');
    talks.push(...toEve, toFay, toAll);

    const onward = async (): Promise<void> => {
      const before = talks.map(({ stored }) => stored);
      await until('everybody is heard', () =>
        talks.every(({ stored }, i) => stored >= (before[i] ?? 0) + BETWEEN),
      );
    };
    const restart = async (
      servers: ServerProcess[],
      i: number,
      again: () => Promise<ServerProcess>,
    ): Promise<void> => {
      const begun = performance.now();
      const code = await servers[i]?.end('SIGTERM');
      const took = Math.round(performance.now() - begun);
      exits.push(`${took} ms`);
      assert.equal(code, 0, servers[i]?.log.slice(-2_000));
      assert.ok(took < EXIT_WITHIN_MS, `it took ${took} ms to stop`);
      servers[i] = await again();
      await onward();
    };
    await onward();
    for (const [i, port] of routePorts.entries()) {
      await restart(imServers, i, startImServer);
      await restart(routes, i, () => startRoute(port));
    }
    await restart(imServers, 2, startImServer);

    await Promise.all(talks.map((talk) => talk.stop()));
    t.diagnostic(
      `${talks.reduce((all, talk) => all + talk.stored, 0)} texts; stopped in ${exits.join(', ')}`,
    );
    assert.deepEqual(
      talks.flatMap(({ amiss }) => amiss),
      [],
    );
    const of = (texts: readonly string[], name: string) => texts.filter((text) => text.startsWith(name));
    const listeners = people.filter((person) => person !== dan);
    const complete = (): boolean =>
      eve.shown.inbox.length >= toEve.reduce((all, { texts }) => all + texts.length, 0) &&
      fay.shown.inbox.length >= toFay.texts.length &&
      listeners.every(({ shown }) => shown.lobby.length >= toAll.texts.length);
    await until('all texts have come', complete, 40_000);
    for (const [i, name] of ['ann', 'bob'].entries())
      assert.deepEqual(of(eve.shown.inbox, name), toEve[i]?.texts);
    assert.equal(
      eve.shown.inbox.length,
      toEve.reduce((all, { texts }) => all + texts.length, 0),
    );
    assert.deepEqual(fay.shown.inbox, toFay.texts);
    for (const { shown } of listeners) assert.deepEqual(shown.lobby, toAll.texts);
    assert.deepEqual(
      people.flatMap(({ alarms }) => alarms),
      [],
    );
  } finally {
    await Promise.all(talks.map((talk) => talk.stop()));
    await Promise.all(people.map(({ client }) => client.close()));
    await Promise.all([...routes, ...imServers].map((server) => server.end()));
  }
});
