import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { cim, CimError, CLOSE_REASONS, CODES } from '@cim/protocol';
import { ScriptedServer, until } from '../test/scripted-server.ts';
import { CimClient } from './client.ts';
import type { CimClientOptions } from './client-options.ts';
import type { ClientEvents, Message, Recipient } from './events.ts';
import { type ClientState, memoryState, type SavedState } from './state.ts';
import { fileState } from './state-file.ts';

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

const textsOf = (messages: readonly Message[]): string[] => messages.flatMap((m) => [...m.texts]);

describe('connecting', () => {
  it('registers, logs in over HTTP and TCP, resumes both streams, and says so', async () => {
    const state = memoryState();
    const client = makeClient({ password: 'secret', agent: 'test/1', state });
    const connected = collect(client, 'connected');
    await client.connect();
    assert.deepEqual(client.user, { userId: 1000, userName: 'alice' });
    assert.equal(connected.length, 1);
    assert.equal(connected[0]?.again, false);
    const [register, login] = server.requests;
    assert.deepEqual(register?.body, { userName: 'alice', password: 'secret' });
    const device = (await state.load())?.device ?? '';
    assert.equal(device.length, 22);
    const account = { userId: 1000, userName: 'alice', password: 'secret' };
    assert.deepEqual(login?.body, { ...account, device, label: 'test/1', wire: 2 });
    const [first, second] = server.peer.received;
    assert.deepEqual(
      [first?.login?.ticket, first?.login?.agent, first?.login?.level],
      ['ticket-1', 'test/1', 1],
    );
    assert.deepEqual(
      second?.resume?.cursors?.map((c) => [c.group, c.seq]),
      [
        ['', 0],
        ['lobby', 0],
      ],
    );
    assert.equal(second.resume.groups, true);
  });

  it('names the route that cannot be reached, in one line', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    await assert.rejects(
      makeClient({ routeUrl: `http://127.0.0.1:${port}` }).connect(),
      (error: CimError) => {
        assert.equal(
          error.message,
          `cannot reach the route at http://127.0.0.1:${port}: connection refused; is the server running? (npm start)`,
        );
        assert.equal(error.retryable, true);
        return true;
      },
    );
  });

  it('says when the name is logged in already, and can be tried again', async () => {
    server.http = (path) => (path === '/login' ? { code: '5000', message: 'Repeat login' } : undefined);
    const client = makeClient();
    await assert.rejects(client.connect(), { code: '5000', message: /"alice" is logged in already/ });
    server.http = () => undefined;
    await client.connect();
    assert.equal(client.online, true);
  });

  it('says when another password is needed', async () => {
    server.http = (path) => (path === '/registerAccount' ? { code: '9100', message: 'x' } : undefined);
    await assert.rejects(makeClient().connect(), { code: '9100', message: /another password/ });
  });

  it('says when what answers is not a route', async () => {
    const strange = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('hello\r\n');
    });
    await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve));
    const { port } = strange.address() as { port: number };
    try {
      await assert.rejects(makeClient({ routeUrl: `http://127.0.0.1:${port}` }).connect(), {
        message: /does not speak HTTP|is not a CIM route|the connection was cut/,
      });
    } finally {
      await new Promise((resolve) => strange.close(resolve));
    }
  });

  it('refuses an address that is none', () => {
    assert.throws(() => makeClient({ routeUrl: 'localhost:8083' }), /not an http URL/);
    assert.throws(() => makeClient({ routeUrl: 'nothing' }), /not a URL/);
  });

  it('logs in again when the TCP login was too late for its ticket', async () => {
    let refusals = 0;
    server.onLogin = (peer) => {
      if (refusals++ > 0) return false;
      peer.send({ goaway: { reason: CLOSE_REASONS.unauthorized.number, text: 'no', reconnect: false } });
      return true;
    };
    await makeClient().connect();
    assert.equal(server.epoch, 2);
  });
});

describe('receiving', () => {
  it('shows private and group messages with their sender, in order', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    server.say('inbox:1000', 'one');
    server.say('group:lobby', 'two');
    server.say('inbox:1000', 'three');
    await until(() => messages.length === 3, 'three messages');
    assert.deepEqual(textsOf(messages), ['one', 'two', 'three']);
    assert.deepEqual(messages[0]?.from, { userId: 7, userName: 'bob' });
    assert.deepEqual(
      messages.map((m) => m.group),
      [undefined, 'lobby', undefined],
    );
  });

  it('shows an entry once, however often it is delivered', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    const entry = server.say('inbox:1000', 'one');
    server.deliver('inbox:1000', [entry]);
    server.say('inbox:1000', 'two');
    await until(() => messages.length === 2, 'two messages');
    assert.deepEqual(textsOf(messages), ['one', 'two']);
  });

  it('does not show what it said to the group itself', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    await client.send({ group: 'lobby' }, ['mine']);
    server.say('group:lobby', 'theirs');
    await until(() => messages.length === 1, 'one message');
    assert.deepEqual(textsOf(messages), ['theirs']);
  });

  it('shows no copy of what this device sent, and each message behind one once', async () => {
    for (const copies of ['by-receipt', 'by-entry'] as const) {
      server.copies = copies;
      const client = makeClient({ userName: copies });
      const messages = collect(client, 'message');
      const away = collect(client, 'disconnected');
      await client.connect();
      const inbox = `inbox:${server.idOf(copies)}`;
      for (const text of ['one', 'two', 'three']) {
        assert.equal((await client.send({ user: 7 }, text)).outcome, 'stored');
        server.say(inbox, `after ${text}`);
      }
      await until(() => messages.length === 3, 'what somebody else said');
      assert.deepEqual(textsOf(messages), ['after one', 'after two', 'after three']);
      server.peer.cut();
      server.say(inbox, 'later', false);
      await until(() => messages.length === 4, 'the message of the time away');
      const cursor = server.peer.received.find((frame) => frame.body === 'resume')?.resume?.cursors?.[0];
      assert.deepEqual([away.length, cursor?.seq], [1, 6]);
    }
  });

  it('shows what another device of its user said, as its own', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    const content = cim.Content.encode({ texts: ['from my phone'] }).finish();
    const me = { id: 1000, name: 'alice' };
    server.deliver('inbox:1000', [server.append('inbox:1000', me, 'phonesProducer00>7', 3, content)]);
    server.deliver('group:lobby', [server.append('group:lobby', me, 'phonesProducer00', 1, content)]);
    await until(() => messages.length === 2, 'both messages');
    assert.deepEqual(
      messages.map(({ own, to, id, conversation }) => [own, to, id, conversation]),
      [
        [true, { user: 7 }, '1000:phonesProducer00:3', 'u7'],
        [true, { group: 'lobby' }, '1000:phonesProducer00:1', 'globby'],
      ],
    );
  });

  it('follows a group from the moment its user joins, over reconnects, and sends to it', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    server.say('group:17', 'before', false);
    server.joined('17');
    server.say('group:17', 'one');
    await until(() => messages.length === 1, 'the first message');
    assert.equal((await client.send({ group: '17' }, 'mine')).outcome, 'stored');
    server.peer.cut();
    server.say('group:17', 'two', false);
    await until(() => messages.length === 2, 'the message of the time away');
    assert.deepEqual(textsOf(messages), ['one', 'two']);
    assert.deepEqual(server.texts('group:17'), ['before', 'one', 'mine', 'two']);
  });

  it('offers an event about a message again until its listener succeeds, and what is behind it afterwards', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    const errors = collect(client, 'error');
    let tries = 0;
    client.on('recalled', () => (++tries === 1 ? Promise.reject(new Error('no')) : Promise.resolve()));
    await client.connect();
    server.say('inbox:1000', { type: 'recall', ref: '7:bobsProducerId00:1' });
    server.say('inbox:1000', 'behind');
    await until(() => errors.length === 1, 'the failure');
    assert.deepEqual([messages.length, errors[0]?.where], [0, 'listener of recalled']);
    await until(() => messages.length === 1, 'the message behind');
    assert.equal(tries, 2);
  });

  it('tells signals', async () => {
    const client = makeClient();
    const [typing, read, device] = (['typing', 'read', 'device'] as const).map((event) =>
      collect(client, event),
    );
    await client.connect();
    const bob = { sender: 7, senderName: 'bob' };
    const { TYPING, READ, DEVICE } = cim.SignalKind;
    for (const signal of [
      { kind: TYPING, to: 1000, ...bob },
      { kind: READ, to: 1000, n: 4, ...bob },
      { kind: READ, to: 7, n: 5, sender: 1000, senderName: 'alice' },
      { kind: 9, to: 1000, ...bob },
      { kind: TYPING, group: '17', ...bob },
      { kind: DEVICE, device: 'phone0123456789a', label: 'phone' },
    ])
      server.peer.send({ signal });
    await until(() => device?.length === 1, 'the last of them');
    const from = { userId: 7, userName: 'bob' };
    assert.deepEqual(typing, [
      { from, conversation: 'u7' },
      { from, conversation: 'g17' },
    ]);
    assert.deepEqual(read, [
      { from, conversation: 'u7', n: 4, own: false },
      { from: { userId: 1000, userName: 'alice' }, conversation: 'u7', n: 5, own: true },
    ]);
    assert.deepEqual(device, [{ device: 'phone0123456789a', label: 'phone' }]);
  });

  it('acks after 64 entries at once, and the rest a moment later', async () => {
    await makeClient().connect();
    for (let i = 0; i < 70; i++) server.say('inbox:1000', `m${i}`);
    await until(() => server.acks.some((a) => a.group === '' && a.seq === 64), 'the ack of 64');
    await until(() => server.acks.some((a) => a.group === '' && a.seq === 70), 'the ack of 70');
  });

  it('goes on where it was after the connection broke, and misses nothing', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    const away = collect(client, 'disconnected');
    await client.connect();
    server.say('group:lobby', 'one');
    await until(() => messages.length === 1, 'the first');
    server.peer.cut();
    server.say('group:lobby', 'two', false);
    server.say('inbox:1000', 'three', false);
    await until(() => messages.length === 3, 'all three');
    assert.deepEqual(textsOf(messages).sort(), ['one', 'three', 'two']);
    assert.equal(away.length, 1);
    assert.equal(server.requests.at(-1)?.body['session'], 'secret-1');
  });

  it('misses no group message of a time away, though it had seen none before', async () => {
    server.say('group:lobby', 'before', false);
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    server.peer.cut();
    server.say('group:lobby', 'meanwhile', false);
    await until(() => messages.length === 1, 'the message of the time away');
    assert.deepEqual(textsOf(messages), ['meanwhile']);
  });

  it('misses no group message of a time away from a group that nobody had written to', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    server.peer.cut();
    server.say('group:lobby', 'the first ever', false);
    await until(() => messages.length === 1, 'the message of the time away');
  });

  it('resumes when entries are missing, and reports them when they stay away', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    const skipped = collect(client, 'skipped');
    await client.connect();
    server.say('inbox:1000', 'one', false);
    const second = server.say('inbox:1000', 'two', false);
    server.resumed = () => [{ group: '', answer: cim.ResumeAnswer.CONTINUE, from: 2, to: 0, id: '' }];
    server.deliver('inbox:1000', [second]);
    await until(() => messages.length === 1, 'the one that is there');
    assert.equal(server.peers.length, 2);
    assert.deepEqual(skipped, [{ stream: 'inbox:1000', kind: 'expired', from: 1, to: 1 }]);
  });

  it('tells what was trimmed or lost', async () => {
    server.resumed = () => [
      { group: '', answer: cim.ResumeAnswer.EXPIRED, from: 3, to: 9, id: 'x' },
      { group: 'lobby', answer: cim.ResumeAnswer.RESET, from: 5, to: 0, id: '' },
    ];
    const client = makeClient();
    const skipped = collect(client, 'skipped');
    await client.connect();
    assert.deepEqual(skipped, [
      { stream: 'inbox:1000', kind: 'expired', from: 3, to: 9 },
      { stream: 'group:lobby', kind: 'reset', from: 5, to: 0 },
    ]);
  });

  it('survives listeners that throw or reject, reports them, and calls them again', async () => {
    const client = makeClient();
    const errors = collect(client, 'error');
    const calls = { sync: 0, async: 0 };
    client.on('message', () => {
      if (calls.sync++ === 0) throw new Error('sync');
    });
    client.on('message', () => {
      if (calls.async++ === 0) return Promise.reject(new Error('async'));
      return Promise.resolve();
    });
    const messages = collect(client, 'message');
    await client.connect();
    server.say('inbox:1000', 'one');
    server.say('inbox:1000', 'two');
    await until(() => messages.length === 2, 'both messages');
    assert.deepEqual(errors.map((e) => (e.error as Error).message).sort(), ['async', 'sync']);
    assert.deepEqual(calls, { sync: 3, async: 3 });
    assert.equal(client.online, true);
  });

  it('shows the next process what its listener had not finished, and nothing else', async () => {
    for (const kind of ['with records', 'saved as a whole']) {
      const memory = memoryState();
      let onDisk: SavedState | undefined;
      const copy = async (): Promise<void> => void (onDisk = structuredClone(await memory.load()));
      const state = (): ClientState => ({
        load: () => structuredClone(onDisk),
        save: (saved) => {
          memory.save(saved);
          void copy();
        },
        ...(kind === 'with records' && {
          processed: (record) => {
            memory.processed?.(record);
            void copy();
          },
        }),
        close: () => undefined,
      });
      const first = makeClient({ userName: kind, state: state() });
      const begun: string[] = [];
      first.on('message', ({ texts: [text = ''] }) => {
        begun.push(text);
        return text.startsWith('slow') ? new Promise(() => undefined) : undefined;
      });
      await first.connect();
      const inbox = `inbox:${server.idOf(kind)}`;
      for (const text of ['one', 'two', 'slow', 'later']) server.say(inbox, text);
      for (const text of [1, 2, 3]) server.say('group:lobby', `group ${text}`);
      await until(() => begun.length === 6, 'all but the one behind');
      await new Promise(setImmediate);
      const crashed = onDisk;
      server.peer.cut();
      await first.close();
      onDisk = crashed;
      const second = makeClient({ userName: kind, state: state() });
      const messages = collect(second, 'message');
      await second.connect();
      await until(() => messages.length >= 2, 'what was left');
      server.say(inbox, 'last');
      await until(() => messages.length >= 3, 'the last');
      assert.deepEqual(textsOf(messages), ['slow', 'later', 'last'], kind);
      await second.close();
    }
  });

  it('keeps a message as processed whose listener closes the client', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    const closed = collect(first, 'closed');
    first.on('message', async () => {
      await first.close();
    });
    await first.connect();
    server.say('inbox:1000', 'one');
    server.say('inbox:1000', 'two');
    await until(() => closed.length === 1, 'the end');
    await new Promise(setImmediate);
    const second = makeClient({ state });
    const messages = collect(second, 'message');
    await second.connect();
    await until(() => messages.length >= 1, 'the next');
    assert.deepEqual(textsOf(messages), ['two']);
  });

  it('drops content that is none, and takes the next', async () => {
    const client = makeClient();
    const messages = collect(client, 'message');
    await client.connect();
    const bad = server.append(
      'inbox:1000',
      { id: 7, name: 'bob' },
      'bobsProducerId01',
      1,
      Uint8Array.of(10, 99),
    );
    server.deliver('inbox:1000', [bad]);
    server.say('inbox:1000', 'good');
    await until(() => messages.length === 1, 'the good one');
    assert.deepEqual(textsOf(messages), ['good']);
  });

  it('goes on from saved cursors in the next process, and does not show its old words to itself', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    await first.connect();
    await first.send({ group: 'lobby' }, ['mine']);
    server.say('inbox:1000', 'one');
    await until(() => server.acks.length > 0, 'an ack');
    await first.close();
    server.say('inbox:1000', 'two', false);
    const second = makeClient({ state });
    const messages = collect(second, 'message');
    await second.connect();
    await until(() => messages.length === 1, 'the new one');
    assert.deepEqual(textsOf(messages), ['two']);
    assert.equal(server.requests.filter((r) => r.path === '/login').at(-1)?.body['session'], 'secret-1');
  });
});

describe('sending', () => {
  it('sends contents of any type to users and groups, and tells where they are stored', async () => {
    const client = makeClient();
    const queued = collect(client, 'queued');
    await client.connect();
    const ref = '7:bobsProducerId00:1';
    assert.deepEqual(await client.send({ group: '17' }, { type: 'reaction', ref, texts: '+1' }), {
      outcome: 'stored',
      ref: 1,
      id: `1000:${server.log('group:17')[0]?.producer}:1`,
      seq: 1,
      n: 1,
      producer: server.log('group:17')[0]?.producer,
      counter: 1,
    });
    assert.deepEqual(queued, [
      { ref: 1, to: { group: '17' }, texts: ['+1'], type: 'reaction', restored: false },
    ]);
    const refused = await client.send({ group: 'nobodys' }, 'x');
    assert.deepEqual([refused.outcome, server.log('group:17').length], ['refused', 1]);
  });

  it('answers stored with id and seq, counting from 1', async () => {
    const client = makeClient();
    const queued = collect(client, 'queued');
    const stored = collect(client, 'stored');
    await client.connect();
    const answers = await Promise.all(['a', 'b', 'c'].map((text) => client.send({ user: 7 }, [text])));
    assert.deepEqual(
      answers.map((a) => [a.outcome, a.ref, a.outcome === 'stored' && a.seq]),
      [
        ['stored', 1, 1],
        ['stored', 2, 2],
        ['stored', 3, 3],
      ],
    );
    assert.match(answers[2]?.outcome === 'stored' ? answers[2].id : '', /^1000:[A-Za-z0-9_-]{34}:3$/);
    assert.deepEqual([queued.length, stored.length, client.unanswered], [3, 3, 0]);
  });

  it('refuses what cannot be sent without asking the server', async () => {
    const client = makeClient();
    assert.equal((await client.send({ user: 7 }, ['early'])).outcome, 'refused');
    await client.connect();
    for (const [to, texts] of [
      [{ user: 7 }, []],
      [{ user: 7 }, ['']],
      [{ user: 7 }, ['x'.repeat(9_000)]],
      [{ user: 0 }, ['x']],
      [{ user: 1.5 }, ['x']],
      [{ group: 'x' }, 'x'],
      [{}, 'x'],
      [undefined, 'x'],
      [{ user: 7 }, undefined],
      [{ user: 7 }, [1]],
    ] as [Recipient, string[]][]) {
      const answer = await client.send(to, texts);
      assert.equal(answer.outcome === 'refused' && answer.code, CODES.invalid.code);
    }
  });

  it('repeats what was not answered after a reconnect, and it is stored once', async () => {
    const client = makeClient();
    await client.connect();
    server.onSend = (peer, _send, taken) => {
      taken(); // stored, but the receipt is lost
      peer.cut();
      server.onSend = (_peer, _next, ok) => ok();
    };
    const answer = await client.send({ user: 7 }, ['once']);
    assert.equal(answer.outcome, 'stored');
    assert.deepEqual(server.texts('inbox:7'), ['once']);
  });

  it('keeps order and stores each once through retries and gaps', async () => {
    const client = makeClient();
    await client.connect();
    let turn = 0;
    server.onSend = (peer, send, taken) => {
      const { to, group, producer, counter } = send;
      if (turn++ % 7 === 3)
        peer.send({ receipt: { to, group, producer, counter, outcome: cim.Outcome.RETRY, code: '4000' } });
      else taken();
    };
    const texts = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const answers = await Promise.all(texts.map((text) => client.send({ user: 7 }, [text])));
    assert.ok(answers.every((a) => a.outcome === 'stored'));
    assert.deepEqual(server.texts('inbox:7'), texts);
  });

  it('tells why one was refused, and sends those after it under a new producer id', async () => {
    const client = makeClient();
    await client.connect();
    server.onSend = (peer, send, taken) => {
      const { to, group, producer, counter } = send;
      const refused = {
        to,
        group,
        producer,
        counter,
        outcome: cim.Outcome.REFUSED,
        code: '6000',
        text: 'full',
      };
      if (cim.Content.decode(send.content).texts[0] === 'no') peer.send({ receipt: refused });
      else taken();
    };
    const answers = await Promise.all(['a', 'no', 'b', 'c'].map((text) => client.send({ user: 7 }, [text])));
    assert.deepEqual(
      answers.map((a) => a.outcome),
      ['stored', 'refused', 'stored', 'stored'],
    );
    assert.equal(answers[1]?.outcome === 'refused' && answers[1].text, 'full');
    assert.deepEqual(server.texts('inbox:7'), ['a', 'b', 'c']);
    assert.equal(new Set(server.log('inbox:7').map((e) => e.producer)).size, 2);
  });

  it('reports sends that the store has lost, and goes on under a new producer id', async () => {
    const client = makeClient();
    const lost = collect(client, 'lost');
    await client.connect();
    await client.send({ user: 7 }, ['a']);
    await client.send({ user: 7 }, ['b']);
    let once = true;
    server.onSend = (peer, send, taken) => {
      const { to, group, producer, counter } = send;
      if (once) peer.send({ receipt: { to, group, producer, counter, outcome: cim.Outcome.GAP, last: 0 } });
      else taken();
      once = false;
    };
    assert.equal((await client.send({ user: 7 }, ['c'])).outcome, 'stored');
    assert.deepEqual(lost, [{ to: { user: 7 }, from: 1, upTo: 2 }]);
    assert.equal(server.log('inbox:7').at(-1)?.counter, 1);
  });

  it('has sends beyond what the outbox holds wait for room, in order, also while away', async () => {
    const client = makeClient({ outboxCapacity: 3 });
    const queued = collect(client, 'queued');
    await client.connect();
    server.onSend = () => undefined;
    const texts = Array.from({ length: 10 }, (_, i) => `m${i}`);
    const answers = texts.map((text) => client.send({ user: 7 }, text));
    await until(() => server.peer.received.filter((frame) => frame.body === 'send').length === 3, 'three');
    assert.deepEqual([queued.length, client.unanswered], [3, 10]);
    server.onSend = (_peer, _send, taken) => taken();
    server.peer.cut();
    assert.ok((await Promise.all(answers)).every((a) => a.outcome === 'stored'));
    assert.deepEqual(server.texts('inbox:7'), texts);
  });

  it('refuses sends that wait for room when it is closed: they never went out', async () => {
    const client = makeClient({ outboxCapacity: 1 });
    await client.connect();
    server.onSend = () => undefined;
    const answers = ['a', 'b'].map((text) => client.send({ user: 7 }, text));
    await client.close();
    assert.deepEqual(
      (await Promise.all(answers)).map(({ outcome }) => outcome),
      ['unknown', 'refused'],
    );
  });

  it('refuses more than 64 MiB that wait for room', async () => {
    const client = makeClient();
    await client.connect();
    server.onSend = () => undefined;
    const texts = Array.from({ length: 4 }, () => 'x'.repeat(8_000));
    let refusals = 0;
    for (let bytes = 0; bytes < 81 * 1024 * 1024; bytes += 32_000)
      void client.send({ user: 7 }, texts).then((answer) => {
        if (answer.outcome === 'refused' && answer.code === CODES.limited.code) refusals++;
      });
    await until(() => refusals > 0, 'a refusal');
  });

  it('takes 2,000 texts of 8 KB at once from a program, on one connection', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    const text = 'x'.repeat(8_000);
    const answers = await Promise.all(
      Array.from({ length: 2_000 }, (_, i) => client.send({ user: 7 }, `${i} ${text}`)),
    );
    assert.ok(answers.every(({ outcome }) => outcome === 'stored'));
    assert.deepEqual([away, server.peers.length], [[], 1]);
    assert.equal(server.log('inbox:7').length, 2_000);
  });

  it('made while it connects wait for it, in order', async () => {
    const client = makeClient();
    const connecting = client.connect();
    const early = ['a', 'b'].map((text) => client.send({ user: 7 }, text));
    await connecting;
    const late = client.send({ user: 7 }, 'c');
    assert.ok((await Promise.all([...early, late])).every(({ outcome }) => outcome === 'stored'));
    assert.deepEqual(server.texts('inbox:7'), ['a', 'b', 'c']);
  });

  it('made while it connects are refused when it cannot, with the reason', async () => {
    server.http = () => ({ code: '7100', message: 'no server' });
    const client = makeClient();
    const connecting = client.connect();
    const early = client.send({ user: 7 }, 'a');
    await assert.rejects(connecting, { code: '7100' });
    const answer = await early;
    assert.ok(answer.outcome === 'refused' && /no server/.test(answer.text));
  });

  it('gives unanswered sends back as unknown when it is closed', async () => {
    const client = makeClient();
    await client.connect();
    server.onSend = () => undefined;
    const answer = client.send({ user: 7 }, ['x']);
    await client.close();
    assert.equal((await answer).outcome, 'unknown');
    assert.equal((await client.send({ user: 7 }, ['y'])).outcome, 'refused');
  });

  it('counts from 1 in the next process, under another producer id of the same installation', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    await first.connect();
    await first.send({ user: 7 }, ['a']);
    await first.close();
    const second = makeClient({ state });
    await second.connect();
    await second.send({ user: 7 }, ['b']);
    const [a, b] = server.log('inbox:7');
    assert.deepEqual([a?.counter, b?.counter, a?.producer === b?.producer], [1, 1, false]);
    assert.equal(a?.producer.slice(0, 22), b?.producer.slice(0, 22));
  });
});

describe('staying connected', () => {
  it('ends, without coming back, when a later login replaced the session', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    const { number, text } = CLOSE_REASONS.superseded;
    server.peer.send({ goaway: { reason: number, text, reconnect: false } });
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'superseded');
    assert.equal(server.peers.length, 1);
  });

  it('comes back after the time a draining server asks for', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    server.peer.send({
      goaway: { reason: CLOSE_REASONS.draining.number, text: 'bye', reconnect: true, afterMs: 50 },
    });
    await until(() => server.peers.length === 2 && client.online, 'the second connection');
    const [goodbye] = away;
    assert.ok(goodbye?.reason === 'draining' && goodbye.retryInMs >= 50);
  });

  it('tries until the route is there again', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    server.http = () => ({ code: '7100', message: 'none' });
    server.peer.cut();
    await until(() => away.length >= 3, 'three attempts');
    server.http = () => undefined;
    await until(() => client.online, 'the return');
  });

  it('stays away as long as a route with too many logins asks for, and a random time more', async () => {
    const client = makeClient();
    const away = collect(client, 'disconnected');
    await client.connect();
    let refusals = 1;
    server.http = (path) =>
      path === '/login' && refusals-- > 0 ? { code: '6000', message: 'too many', retryAfter: 1 } : undefined;
    server.peer.cut();
    await until(() => away.length === 2, 'the refusal');
    assert.ok((away[1]?.retryInMs ?? 0) > 1_000, `${away[1]?.retryInMs} ms`);
    await until(() => client.online, 'the return');
  });

  it('falls back to a fresh login when the session secret is refused', async () => {
    const client = makeClient();
    await client.connect();
    server.http = (path, body) => (path === '/login' && 'session' in body ? { code: '9100' } : undefined);
    server.peer.cut();
    await until(() => server.peers.length === 2 && client.online, 'the return');
  });

  it('comes back when im-servers refuse the logins of the route several times, as after a failover', async () => {
    const client = makeClient();
    await client.connect();
    let refusals = 0;
    server.onLogin = (peer) => {
      if (refusals++ === 4) return false;
      peer.send({ goaway: { reason: CLOSE_REASONS.unauthorized.number, text: 'no', reconnect: false } });
      return true;
    };
    server.peer.cut();
    await until(() => refusals === 5 && client.online, 'the return', 20_000);
  });

  it('ends when the account no longer lets it in', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    server.http = (path) => (path === '/login' ? { code: '9100' } : undefined);
    server.peer.cut();
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'unauthorized');
  });

  it('acks a group instead of pinging when it has heard something, and pings when it has not', async () => {
    const client = makeClient({ times: { pingAfterMs: 1_000 } });
    await client.connect();
    // Late: what is heard in the first half of the way to the ping is no news any more when it is due.
    await new Promise((resolve) => setTimeout(resolve, 800));
    server.say('group:lobby', 'one');
    const said = (): (string | undefined)[] => server.peer.received.map(({ body }) => body);
    await until(() => said().includes('ack'), 'the ack');
    assert.deepEqual(server.acks, [{ group: 'lobby', seq: 1 }]);
    assert.equal(said().includes('ping'), false);
    await until(() => said().at(-1) === 'ping', 'a ping');
    assert.equal(client.online, true);
  });

  it('stays where the one thing heard is nearly as old as a ping is apart when its ack takes the place of one', async () => {
    const client = makeClient({ times: { pingAfterMs: 1_000, idleMs: 2_000 } });
    const away = collect(client, 'disconnected');
    await client.connect();
    await until(() => server.peer.received.at(-1)?.body === 'ping', 'a ping');
    // The wheel looks again 1.25 s after it, and again after as long.
    await new Promise((resolve) => setTimeout(resolve, 370));
    server.say('group:lobby', 'one');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.deepEqual(server.acks, [{ group: 'lobby', seq: 1 }]);
    assert.deepEqual(away, []);
  });

  it('starts again when the server has fallen silent', async () => {
    const client = makeClient({ times: { pingAfterMs: 10_000, idleMs: 300 } });
    const away = collect(client, 'disconnected');
    await client.connect();
    await until(() => away.length > 0, 'the disconnect');
    assert.equal(away[0]?.reason, 'idle');
  });

  it('starts again when a send stays unanswered on a live connection', async () => {
    const client = makeClient({ times: { pingAfterMs: 100, answerMs: 300 } });
    await client.connect();
    server.onSend = () => {
      server.onSend = (_peer, _send, taken) => taken();
    };
    assert.equal((await client.send({ user: 7 }, ['x'])).outcome, 'stored');
    assert.equal(server.peers.length, 2);
  });

  it('ends on bytes that are no frame', async () => {
    const client = makeClient();
    const closed = collect(client, 'closed');
    await client.connect();
    server.peer.send({ deliver: { group: 'lobby' } });
    server.peer.raw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    await until(() => closed.length === 1, 'the end');
    assert.equal(closed[0]?.reason, 'bad-frame');
  });

  it('logs out at the route with its session, then ends, and forgets the secret', async () => {
    const state = memoryState();
    const client = makeClient({ state });
    const closed = collect(client, 'closed');
    await client.connect();
    await client.logout();
    const request = server.requests.at(-1);
    assert.deepEqual(
      [request?.path, request?.body['userId'], request?.authorization],
      ['/offLine', 1000, 'Bearer secret-1'],
    );
    assert.deepEqual(
      closed.map((c) => c.reason),
      ['logged-out'],
    );
    assert.equal((await state.load())?.session, '');
  });

  it('can be closed in the middle of connecting', async () => {
    server.onLogin = () => true; // never answered
    const client = makeClient();
    const connecting = client.connect();
    await until(() => server.peers.length === 1, 'the TCP connection');
    await client.close();
    await assert.rejects(connecting, CimError);
  });

  for (const end of ['close', 'logout'] as const)
    it(`gives its state back at ${end}, whenever it is called while it connects`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'cim-connecting-'));
      const path = join(folder, 'alice.json');
      try {
        for (let turns = 0, connected = false; !connected; turns++) {
          assert.ok(turns < 2_000, 'it never connects');
          const client = makeClient({ state: fileState(path) });
          const connecting = client.connect().then(
            () => true,
            () => false,
          );
          for (let i = 0; i < turns; i++) await new Promise(setImmediate);
          await client[end]();
          connected = await connecting;
          const notes: string[] = [];
          const next = fileState(path, (line) => notes.push(line));
          await next.load();
          next.close();
          assert.deepEqual(notes, [], `after ${turns} turns`);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

  it('pages through what is kept, with its session', async () => {
    const client = makeClient();
    await assert.rejects(client.history(), CimError);
    await client.connect();
    const entry = { seq: 4, id: '7:bobsProducerId00:4', from: { userId: 7, userName: 'bob' }, texts: ['x'] };
    server.http = (path) =>
      path.startsWith('/history')
        ? { code: '9000', dataBody: { entries: [{ ...entry, storedAt: 5 }, { seq: 'x' }], more: true } }
        : undefined;
    assert.deepEqual(await client.history({ group: 'lobby', before: 5, limit: 1 }), {
      messages: [{ ...entry, storedAt: 5, stream: 'group:lobby', group: 'lobby' }],
      more: true,
    });
    const request = server.requests.at(-1);
    assert.equal(request?.path, '/history?userId=1000&stream=lobby&before=5&limit=1');
    assert.equal(request.authorization, 'Bearer secret-1');
    assert.equal((await client.history()).messages[0]?.stream, 'inbox:1000');
    server.http = () => ({ code: '9000', dataBody: null });
    await assert.rejects(client.history(), { message: /is not a CIM route/ });
  });

  it('lists who is online', async () => {
    const client = makeClient();
    await client.connect();
    assert.deepEqual(await client.onlineUsers(), [{ userId: 1000, userName: 'alice' }]);
  });

  it('asks on while there are more online than one answer tells', async () => {
    const client = makeClient();
    const users = [1, 2, 3, 4, 5].map((userId) => ({ userId, userName: `u${userId}` }));
    server.http = (path) => {
      const after = Number(new URL(path, 'http://route').searchParams.get('after'));
      return { code: '9000', dataBody: users.slice(after, after + 2), more: after + 2 < users.length };
    };
    assert.deepEqual(await client.onlineUsers(), users);
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      ['0', '2', '4'].map((after) => `/onlineUser?limit=5000&after=${after}`),
    );
    // One that says so for ever, and tells nobody new, is not asked for ever.
    server.http = () => ({ code: '9000', dataBody: users, more: true });
    assert.equal((await client.onlineUsers()).length, 10);
  });
});
