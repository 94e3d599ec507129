import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cim, CODES } from '@cim/protocol';
import { collect, makeClient, server } from '../test/scripted-clients.ts';
import { until } from '../test/scripted-server.ts';
import type { Recipient } from './events.ts';
import { memoryState } from './state.ts';

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
      { ref: 1, to: { group: '17' }, texts: ['+1'], type: 'reaction', about: ref, restored: false },
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
