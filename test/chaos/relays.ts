/**
 * Breaks the way of events to a webhook: kills and freezes relays, kills Redis, and has the receiver crash, hang, fail and ask for time.
 * Then every stored message must have been told, and those of each line in their order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeContent,
  type GroupId,
  groupStream,
  inboxOf,
  type NamedUser,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { messageIdOf, openRedisStore, type Store } from '@cim/store';
import {
  answers,
  type Behave,
  faultsOf,
  newWebhook,
  Parts,
  Receiver,
  RedisProcess,
  SECRET,
  Senders,
  ServerProcess,
  takes,
  until,
} from '@cim/testkit';
import { below, seeded } from './random.ts';
import type { Row, RunOptions } from './row.ts';
import { Turns } from './turns.ts';

const USERS = 12;
const RELAYS = 2;
/** Pause of a user between two messages [ms]. */
const PAUSE_MS = 25;
/** Longest time of one fault [ms]: longer than a relay waits for an answer, and than a lease lasts. */
const FAULT_MS = 18_000;
/** A relay that has lost Redis, or taken over partitions, tells all that has gathered within this time [ms]. */
const SETTLES_MS = 120_000;

const hangs: Behave = () => undefined;

export async function relayFaults(run: RunOptions): Promise<Row> {
  const random = seeded(run.seed);
  await using parts = new Parts();
  const redis = await RedisProcess.start();
  parts.onDown(() => redis[Symbol.asyncDispose]());
  const store = await openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() });
  parts.onDown(() => store.stop());
  const receiver = await new Receiver(SECRET).start();
  parts.onDown(() => receiver[Symbol.asyncDispose]());
  const webhook = newWebhook(receiver.url, { batch: 10 });
  await store.webhooks.put(webhook);
  await store.feed.record({ revision: (await store.webhooks.list()).revision, kinds: ['messages'] });
  const start = (): Promise<ServerProcess> =>
    ServerProcess.start('relay', { CIM_REDIS_URL: redis.url, CIM_OUTCALL_HOSTS: '127.0.0.1' });
  const relays = await Promise.all(Array.from({ length: RELAYS }, start));
  parts.onDown(() => Promise.all(relays.map((relay) => relay.end())).then(() => undefined));

  const senders = new Senders(store);
  const users = await Promise.all(Array.from({ length: USERS }, () => senders.newUser()));
  const [owner] = users;
  if (owner === undefined) throw new Error('no user');
  const group = await senders.newGroup(owner, users);
  const talk = new Talk(senders, users, group);
  const told = (): number => new Set(receiver.taken.map(({ id }) => id)).size;
  const turns = new Turns(run.long ? 60 : 6, run, () => ({ sent: talk.sent, shown: told() }));
  const restart = async (i: number): Promise<void> => {
    await relays[i]?.end('SIGKILL');
    await sleep(below(random, FAULT_MS));
    relays[i] = await start();
  };
  const behaves = async (behave: Behave): Promise<void> => {
    receiver.behave = behave;
    await sleep(below(random, FAULT_MS));
    receiver.behave = takes;
  };
  const faults: Readonly<Record<string, () => Promise<void>>> = {
    'a relay is killed': () => restart(below(random, RELAYS)),
    'all relays are killed': () => Promise.all(relays.map((_, i) => restart(i))).then(() => undefined),
    'a relay is frozen': async () => {
      const relay = relays[below(random, RELAYS)];
      relay?.freeze();
      await sleep(below(random, FAULT_MS));
      relay?.thaw();
    },
    'the receiver crashes': async () => {
      await receiver.crash();
      await sleep(below(random, FAULT_MS));
      await receiver.start();
    },
    'the receiver hangs': () => behaves(hangs),
    'the receiver answers 500': () => behaves(answers(500)),
    'the receiver asks for time': () => behaves(answers(429, { 'retry-after': '1' })),
    'Redis is killed': async () => {
      await redis.kill();
      await sleep(below(random, FAULT_MS / 4));
      await redis.start();
    },
  };
  const kinds = Object.entries(faults);
  for (let turn = turns.take(); turn !== undefined; turn = turns.take()) {
    const [name, carryOut] = kinds[(turn - 1 + below(random, 2)) % kinds.length] ?? [];
    turns.say(name ?? '');
    await sleep(500 + below(random, 1_000));
    await carryOut?.();
    turns.ended();
  }
  await talk.end();
  turns.say('waiting until all is told');
  const stored = await storedLines(store, users, group);
  const count = [...stored.values()].reduce((sum, ids) => sum + ids.length, 0);
  // Events that have failed often wait for minutes. An operator who enters another URL has them told at once.
  const { items } = await store.webhooks.list();
  const version = (items[0]?.version ?? 0) + 1;
  await store.webhooks.put({ ...webhook, version, url: `${receiver.url}?again` });
  const begun = performance.now();
  await until('all is told', () => told() >= count, SETTLES_MS).catch(() => undefined);
  const found = faultsOf(receiver.taken, stored);
  const repeated = receiver.taken.length - told();
  return {
    name: 'webhooks, while relays, Redis and the receiver fail',
    did: `${turns.made} faults with ${RELAYS} relays`,
    faults: turns.made,
    found: `${count} stored, ${told()} told, ${repeated} of them again, ${found.length} faults, settled in ${((performance.now() - begun) / 1_000).toFixed(1)} s`,
    broken: [
      ...(found.length === 0 ? [] : [`${found.length} events: ${found.slice(0, 5).join(', ')}`]),
      ...(count < 50 ? [`only ${count} messages were stored: nothing is shown`] : []),
    ],
  };
}

/** Users who write to the next one and to their group, each one message after the other, until the end. */
class Talk {
  sent = 0;
  #ended = false;
  readonly #running: Promise<unknown>;

  constructor(senders: Senders, users: readonly NamedUser[], group: GroupId) {
    const says = async (user: NamedUser, i: number): Promise<void> => {
      const next = users[(i + 1) % users.length] ?? user;
      for (let n = 0; !this.#ended; n++) {
        // While Redis is away a send fails. Whether it was stored is read from the log.
        await senders.send(user, n % 3 === 0 ? group : next, `${n}`).catch(() => undefined);
        this.sent++;
        await sleep(PAUSE_MS);
      }
    };
    this.#running = Promise.all(users.map(says));
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }
}

/** Key: line, as `faultsOf` names it. Value: ids of its messages, in their order in the log. */
async function storedLines(
  store: Store,
  users: readonly NamedUser[],
  group: GroupId,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = new Map<string, string[]>();
  const add = async (stream: StreamRef, lineOf: (sender: number) => string | undefined): Promise<void> => {
    for (let from = 1; ; ) {
      const entries = await store.streams.read(stream, from as Seq, 500);
      for (const entry of entries) {
        from = entry.seq + 1;
        const line = lineOf(entry.sender.userId);
        if (line === undefined || decodeContent(entry.content)?.type !== '') continue;
        lines.set(line, [...(lines.get(line) ?? []), messageIdOf(entry)]);
      }
      if (entries.length === 0) return;
    }
  };
  await add(groupStream(group), () => `g${group}`);
  // What the user itself has written are copies.
  for (const { userId } of users)
    await add(inboxOf(userId), (sender) => (sender === userId ? undefined : `u${sender}-u${userId}`));
  return lines;
}
