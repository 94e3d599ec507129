/** An im-server dies with a third of the clients on it: all of them are back soon, and what was sent meanwhile arrives once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

/** More of them on a machine that is free: `CIM_TEST_CLIENTS=5000`. */
const CLIENTS = Number(process.env['CIM_TEST_CLIENTS'] ?? 1_000);
/** Clients that connect at a time. */
const AT_ONCE = 100;
const WITHIN_MS = 60_000;
const WRITTEN_TO = 20;
const TEXTS = 10;

interface Guest {
  readonly client: CimClient;
  readonly shown: string[];
  /** When it was back, ms after the kill. */
  backMs?: number;
  closed?: string;
}

const quantile = (sorted: readonly number[], part: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);

test('all clients of an im-server that was killed are online again within 60 s, and get what was sent once', {
  timeout: 240_000,
}, async (t) => {
  await using cluster = await Cluster.start({ routes: 2, imServers: 3 });
  let killedAt: number | undefined;
  const join = async (i: number): Promise<Guest> => {
    const client = new CimClient({
      routeUrl: cluster.routes[i % 2]?.routeUrl ?? '',
      userName: `guest-${i}`,
      state: memoryState(),
    });
    const guest: Guest = { client, shown: [] };
    client.on('message', ({ texts }) => guest.shown.push(...texts));
    client.on('closed', ({ reason, text }) => {
      guest.closed = `${reason}: ${text}`;
    });
    client.on('connected', () => {
      if (killedAt !== undefined) guest.backMs ??= performance.now() - killedAt;
    });
    await client.connect();
    return guest;
  };
  const guests: Guest[] = [];
  try {
    const begun = performance.now();
    while (guests.length < CLIENTS) {
      const next = Math.min(AT_ONCE, CLIENTS - guests.length);
      guests.push(...(await Promise.all(Array.from({ length: next }, (_, i) => join(guests.length + i)))));
    }
    t.diagnostic(`${CLIENTS} clients connected in ${Math.round(performance.now() - begun)} ms`);

    const [victim] = cluster.imServers;
    assert.ok(victim !== undefined);
    const address = `127.0.0.1:${victim.tcpPort}`;
    const victims = guests.filter(({ client }) => client.server === address);
    const sender = guests.find(({ client }) => client.server !== address);
    assert.ok(sender !== undefined);
    assert.ok(victims.length >= Math.floor(CLIENTS / 4), `${victims.length} of ${CLIENTS} are on the server`);

    killedAt = performance.now();
    await victim.end('SIGKILL');
    const to = victims.slice(0, WRITTEN_TO).map(({ client }) => client.user?.userId ?? 0);
    const texts = Array.from({ length: TEXTS }, (_, i) => `text ${i}`);
    const answers = Promise.all(
      texts.flatMap((text) => to.map((user) => sender.client.send({ user }, [text]))),
    );
    await until(
      'all are online again',
      () => victims.every(({ client, backMs }) => client.online && backMs !== undefined),
      WITHIN_MS,
    );
    const back = victims.map(({ backMs }) => backMs ?? 0).sort((a, b) => a - b);
    t.diagnostic(
      `${victims.length} clients back after ms: p50 ${quantile(back, 0.5)}, p99 ${quantile(back, 0.99)}, max ${quantile(back, 1)}`,
    );

    assert.deepEqual(new Set((await answers).map(({ outcome }) => outcome)), new Set(['stored']));
    const receivers = victims.slice(0, WRITTEN_TO);
    await until('all texts have come', () => receivers.every(({ shown }) => shown.length >= TEXTS), 40_000);
    for (const { shown } of receivers) assert.deepEqual(shown, texts);
    assert.deepEqual(
      guests.flatMap(({ closed }) => closed ?? []),
      [],
    );
    assert.ok(guests.every(({ client }) => client.online));
  } finally {
    await Promise.all(guests.map(({ client }) => client.close()));
  }
});
