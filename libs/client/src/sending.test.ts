import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cim } from '@cim/protocol';
import { ScriptedServer, until } from '../test/scripted-server.ts';
import { CimClient } from './node/client.ts';
import type { CimClientOptions } from './client-options.ts';
import type { ClientEvents } from './events.ts';
import { memoryState } from './state.ts';
import { hostTimers } from './timers.ts';
import { fileState } from './node/state-file.ts';

let server: ScriptedServer;
let clients: CimClient[] = [];

beforeEach(async () => {
  server = await ScriptedServer.start();
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await server.stop();
});

function makeClient(options: Partial<CimClientOptions> = {}): CimClient {
  const client = new CimClient({ routeUrl: server.url, userName: 'alice', random: () => 0.01, ...options });
  clients.push(client);
  return client;
}

function collect<K extends keyof ClientEvents>(client: CimClient, event: K): ClientEvents[K][] {
  const seen: ClientEvents[K][] = [];
  client.on(event, (value) => seen.push(value));
  return seen;
}

const framesOf = (kind: 'counters' | 'delivered') =>
  server.peer.received.filter((frame) => frame.body === kind).map((frame) => frame[kind]);

/** What the newest connection was asked for as stored, as [to, group, counter]. */
const asked = () =>
  framesOf('counters').map((frame) =>
    ((frame as cim.Counters).counters as cim.Counter[]).map(({ to, group, counter }) => [to, group, counter]),
  );

describe('sends that the store has lost', () => {
  it('are told once after a reconnect, and what comes goes under a new producer id', async () => {
    const client = makeClient();
    const lost = collect(client, 'lost');
    await client.connect();
    for (const text of ['a', 'b', 'c']) await client.send({ user: 7 }, [text]);
    await client.send({ group: 'lobby' }, ['all']);
    server.has = ({ to, counter }) => (to === 7 ? 1 : counter);
    server.peer.cut();
    await until(() => lost.length > 0, 'the loss');
    assert.deepEqual(asked(), [
      [
        [0, 'lobby', 1],
        [7, '', 3],
      ],
    ]);
    assert.deepEqual(lost, [{ to: { user: 7 }, from: 2, upTo: 3 }]);
    // Its seq is that of another message by now.
    const delivered = collect(client, 'delivered');
    server.peer.send({ delivered: { to: 7, seq: 3 } });
    assert.equal((await client.send({ user: 7 }, ['d'])).outcome, 'stored');
    const [first, last] = [server.log('inbox:7')[0], server.log('inbox:7').at(-1)];
    assert.equal(last?.counter, 1);
    assert.notEqual(last.producer, first?.producer);
    assert.deepEqual(delivered, []);
    server.has = ({ counter }) => counter;
    server.peer.cut();
    await until(() => server.peers.length === 3 && asked().length === 1, 'the next question');
    assert.equal(lost.length, 1);
  });

  it('are asked about when the server asks for it', async () => {
    const client = makeClient();
    const lost = collect(client, 'lost');
    await client.connect();
    assert.deepEqual(asked(), []);
    await client.send({ user: 7 }, ['a']);
    server.has = () => 0;
    server.peer.send({ counters: {} });
    await until(() => lost.length > 0, 'the loss');
    assert.deepEqual(lost, [{ to: { user: 7 }, from: 1, upTo: 1 }]);
    server.peer.send({ counters: {} });
    await client.send({ user: 7 }, ['b']);
    assert.equal(lost.length, 1);
  });

  it('are told once when a gap has told them already', async () => {
    const client = makeClient();
    const lost = collect(client, 'lost');
    await client.connect();
    await client.send({ user: 7 }, ['a']);
    await client.send({ user: 7 }, ['b']);
    server.has = () => undefined;
    server.peer.send({ counters: {} });
    await until(() => asked().length === 1, 'the question');
    const [question] = framesOf('counters') as cim.Counters[];
    server.onSend = (peer, send) => {
      const { to, group, producer, counter } = send;
      peer.send({ receipt: { to, group, producer, counter, outcome: cim.Outcome.GAP, last: 0 } });
      const counters = (question?.counters as cim.Counter[]).map((one) => ({ ...one, counter: 0 }));
      peer.send({ counters: { counters } });
      server.onSend = (_peer, _send, taken) => taken();
    };
    assert.equal((await client.send({ user: 7 }, ['c'])).outcome, 'stored');
    assert.deepEqual(lost, [{ to: { user: 7 }, from: 1, upTo: 2 }]);
  });

  it('are told by the next process, which asks for those of the last 24 hours only', async () => {
    const state = memoryState();
    let time = 1_700_000_000_000;
    const first = makeClient({ state, timers: { ...hostTimers, time: () => time } });
    await first.connect();
    await first.send({ user: 8 }, ['long ago']);
    time += 24 * 3_600_000;
    await first.send({ user: 7 }, ['a']);
    await first.close();
    time += 1;
    server.has = () => 0;
    const second = makeClient({ state, timers: { ...hostTimers, time: () => time } });
    const lost = collect(second, 'lost');
    await second.connect();
    await until(() => lost.length > 0, 'the loss');
    assert.deepEqual(asked(), [[[7, '', 1]]]);
    await second.send({ user: 7 }, ['b']);
    assert.equal(server.log('inbox:7').at(-1)?.counter, 1, 'under a new producer id');
    await second.close();
    assert.equal(Object.keys((await state.load())?.stored ?? {}).length, 2);
  });

  it('are saved a moment after they are stored, for a process that crashes', async () => {
    const state = memoryState();
    const client = makeClient({ state });
    await client.connect();
    await client.send({ user: 7 }, ['a']);
    const stored = () => (state.load() as { stored?: Record<string, unknown> } | undefined)?.stored ?? {};
    await until(() => 'inbox:7' in stored(), 'the save');
  });
});

describe('delivered', () => {
  it('is told of each private send, once and in order, whether news or receipt comes first', async () => {
    const client = makeClient();
    const delivered = collect(client, 'delivered');
    await client.connect();
    for (const text of ['a', 'b', 'c']) await client.send({ user: 7 }, [text]);
    await client.send({ group: 'lobby' }, ['all']);
    await client.send({ user: 8 }, ['x']);
    server.peer.send({ delivered: { to: 7, seq: 2 } });
    server.peer.send({ delivered: { to: 7, seq: 2 } });
    server.peer.send({ delivered: { to: 7, seq: 3 } });
    server.onSend = (peer, _send, taken) => {
      peer.send({ delivered: { to: 7, seq: 4 } });
      taken();
    };
    await client.send({ user: 7 }, ['d']);
    assert.deepEqual(
      delivered.map(({ ref, to, seq }) => [ref, to, seq]),
      [
        [1, 7, 1],
        [2, 7, 2],
        [3, 7, 3],
        [6, 7, 4],
      ],
    );
  });

  it('is asked for after a reconnect, of those that are open', async () => {
    const client = makeClient();
    const delivered = collect(client, 'delivered');
    await client.connect();
    await client.send({ user: 7 }, ['a']);
    await client.send({ user: 7 }, ['b']);
    await client.send({ user: 8 }, ['x']);
    server.peer.send({ delivered: { to: 8, seq: 1 } });
    await until(() => delivered.length === 1, 'the first');
    server.inboxAt.set(7, 1);
    server.peer.cut();
    await until(() => delivered.length === 2, 'the answer');
    assert.deepEqual(
      (framesOf('delivered') as cim.Delivered[]).map(({ to, seq }) => [to, seq]),
      [[7, 2]],
    );
    assert.deepEqual(delivered[1], { ref: 1, to: 7, seq: 1 });
  });
});

describe('sends that were not answered', () => {
  it('are repeated by the next client of the same state, in order, under their numbers, before its own', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    await first.connect();
    server.onSend = (_peer, send, taken) => {
      if (send.counter <= 1) taken(); // and the others never arrive
    };
    assert.equal((await first.send({ user: 7 }, ['a'])).outcome, 'stored');
    const unknown = collect(first, 'unknown');
    const answers = ['b', 'c'].map((text) => first.send({ user: 7 }, [text]));
    await until(() => server.peer.received.filter((frame) => frame.body === 'send').length === 3, 'all');
    await first.close();
    assert.deepEqual(
      (await Promise.all(answers)).map(({ outcome }) => outcome),
      ['unknown', 'unknown'],
    );
    assert.deepEqual(
      unknown.map(({ ref }) => ref),
      [2, 3],
    );
    server.onSend = (_peer, _send, taken) => taken();
    const second = makeClient({ state });
    const queued = collect(second, 'queued');
    const stored = collect(second, 'stored');
    await second.connect();
    assert.deepEqual(queued, [
      { ref: 2, to: { user: 7 }, texts: ['b'], type: '', restored: true },
      { ref: 3, to: { user: 7 }, texts: ['c'], type: '', restored: true },
    ]);
    const next = await second.send({ user: 7 }, ['d']);
    assert.deepEqual(
      stored.map(({ ref }) => ref),
      [2, 3, next.ref],
    );
    assert.deepEqual(server.texts('inbox:7'), ['a', 'b', 'c', 'd']);
    assert.deepEqual(
      server.log('inbox:7').map(({ counter }) => counter),
      [1, 2, 3, 1],
    );
    assert.deepEqual(
      server.peer.received.flatMap(({ send }) => (send ? [send.again] : [])),
      [true, true, false],
    );
  });

  it('are given back after 7 days', async () => {
    const state = memoryState();
    let time = 1_700_000_000_000;
    const first = makeClient({ state, timers: { ...hostTimers, time: () => time } });
    await first.connect();
    server.onSend = () => undefined;
    void first.send({ user: 7 }, ['old']);
    await first.close();
    time += 7 * 24 * 3_600_000 + 1;
    const second = makeClient({ state, timers: { ...hostTimers, time: () => time } });
    const unknown = collect(second, 'unknown');
    await second.connect();
    assert.deepEqual(unknown, [{ ref: 1, text: 'the server did not answer for 7 days' }]);
    assert.equal(second.unanswered, 0);
  });
});

describe('a program that is killed', () => {
  let folder: string;
  let program: ChildProcess | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cim-killed-'));
  });
  afterEach(() => {
    program?.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  it('loses no send that it made, and none is stored twice', async () => {
    const path = join(folder, 'alice.json');
    const script = fileURLToPath(new URL('../test/sending-program.ts', import.meta.url));
    for (let round = 1; round <= 3; round++) {
      let arrived = 0;
      // Some are stored and not answered, and those from the 15th on do not even arrive.
      server.onSend = (peer, _send, taken) => {
        arrived++;
        if (arrived > 14) return;
        if (arrived > 7) peer.send = () => undefined;
        taken();
      };
      program = spawn(process.execPath, ['--import', 'tsx', script, server.url, path, String(round)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(program, 'exit');
      let offered = false;
      program.stdout?.once('data', () => (offered = true));
      // Its own come after the answers to those that are repeated: not all 20 arrive.
      await until(() => offered && arrived >= 13, 'its sends', 60_000);
      program.kill('SIGKILL');
      await ended;
    }
    server.onSend = (_peer, _send, taken) => taken();
    const client = makeClient({ state: fileState(path) });
    await client.connect();
    await until(() => client.unanswered === 0, 'all answers');
    const wanted = [1, 2, 3].flatMap((round) => Array.from({ length: 20 }, (_, i) => `${round}: ${i + 1}`));
    assert.deepEqual(server.texts('inbox:7'), wanted);
  });
});
