import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect, makeClient, server } from '../test/scripted-clients.ts';
import { until } from '../test/scripted-server.ts';
import { memoryState } from './state.ts';

describe('a loop over messages()', () => {
  it('gets each message once and in order, and ends with the client', async () => {
    const client = makeClient();
    const messages = client.messages();
    await client.connect();
    for (const text of ['one', 'two', 'three']) server.say('inbox:1000', text);
    const got: string[] = [];
    for await (const { texts } of messages) {
      got.push(...texts);
      if (got.length === 3) await client.close();
    }
    assert.deepEqual(got, ['one', 'two', 'three']);
  });

  it('has not processed the message at which it was left: the next loop begins with it, and so does the next start', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    const messages = first.messages();
    await first.connect();
    for (const text of ['one', 'two']) server.say('inbox:1000', text);
    const got: string[] = [];
    for await (const { texts } of messages) {
      got.push(...texts);
      if (got.length === 2) break;
    }
    for await (const { texts } of first.messages()) {
      got.push(...texts);
      break;
    }
    await first.close();
    const second = makeClient({ state });
    const again = second.messages();
    await second.connect();
    for await (const { texts } of again) {
      got.push(...texts);
      break;
    }
    assert.deepEqual(got, ['one', 'two', 'two', 'two']);
  });

  it('ends when its signal is aborted, with the message that it is at as processed; two at a time are refused', async () => {
    const client = makeClient();
    const stop = new AbortController();
    const messages = client.messages({ signal: stop.signal });
    await client.connect();
    server.say('inbox:1000', 'one');
    const got: string[] = [];
    for await (const { texts } of messages) {
      got.push(...texts);
      await assert.rejects(client.messages().next(), { code: '3000' });
      stop.abort();
    }
    server.say('inbox:1000', 'two');
    for await (const { texts } of client.messages()) {
      got.push(...texts);
      break;
    }
    assert.deepEqual(got, ['one', 'two']);
  });
});

describe('listeners', () => {
  it('of once are called until they have succeeded with one message; off and a signal remove a listener', async () => {
    const client = makeClient();
    const calls: string[] = [];
    client.once('message', ({ texts: [text = ''] }) => {
      calls.push(text);
      if (calls.length === 1) throw new Error('not yet');
    });
    const [removed, aborted] = [[] as unknown[], [] as unknown[]];
    const listener = (value: unknown): void => void removed.push(value);
    client.on('message', listener);
    client.off('message', listener);
    const stop = new AbortController();
    client.on('message', (value) => aborted.push(value), { signal: stop.signal });
    stop.abort();
    const all = collect(client, 'message');
    await client.connect();
    for (const text of ['one', 'two']) server.say('inbox:1000', text);
    await until(() => all.length === 2, 'both');
    assert.deepEqual(calls, ['one', 'one']);
    assert.deepEqual([removed, aborted], [[], []]);
  });
});

describe('connect', () => {
  it('is aborted by its signal, which closes the client', async () => {
    const stop = new AbortController();
    server.http = () => {
      stop.abort(new Error('enough'));
      return undefined;
    };
    const client = makeClient();
    await assert.rejects(client.connect({ signal: stop.signal }), { message: 'enough' });
    await assert.rejects(client.connect(), { code: '3000' });
  });

  it('begins without a connection where the state knows the user, and sends what was written meanwhile', async () => {
    const state = memoryState();
    const first = makeClient({ state });
    await first.connect();
    await first.close();
    server.http = () => ({ code: '7100', message: 'no server' });
    const patient = makeClient({ state, startsOffline: true } as object);
    await patient.connect();
    assert.deepEqual([patient.online, patient.user?.userName], [false, 'alice']);
    const answer = patient.send({ user: 7 }, 'waiting');
    server.http = () => undefined;
    assert.equal((await answer).outcome, 'stored');
    assert.deepEqual(server.texts('inbox:7'), ['waiting']);
  });
});
