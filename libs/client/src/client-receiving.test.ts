import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cim } from '@cim/protocol';
import { collect, makeClient, server, textsOf } from '../test/scripted-clients.ts';
import { until } from '../test/scripted-server.ts';
import { type Storage, memoryState, type SavedState } from './state.ts';

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
    const [typing, read, device, unsent] = (['typing', 'read', 'device', 'unsent'] as const).map((event) =>
      collect(client, event),
    );
    await client.connect();
    const bob = { sender: 7, senderName: 'bob' };
    const { TYPING, READ, DEVICE, UNSENT } = cim.SignalKind;
    for (const signal of [
      { kind: TYPING, to: 1000, ...bob },
      { kind: READ, to: 1000, n: 4, ...bob },
      { kind: READ, to: 7, n: 5, sender: 1000, senderName: 'alice' },
      { kind: 9, to: 1000, ...bob },
      { kind: TYPING, group: '17', ...bob },
      { kind: UNSENT, scheduled: 'an-id', code: '9501', text: 'blocked' },
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
    assert.deepEqual(unsent, [{ id: 'an-id', code: '9501', text: 'blocked' }]);
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
      const state = (): Storage => ({
        load: () => structuredClone(onDisk),
        save: (saved) => {
          void memory.save(saved);
          return copy();
        },
        ...(kind === 'with records' && {
          processed: (record) => {
            void memory.processed?.(record);
            return copy();
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
