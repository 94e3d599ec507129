import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { MessageId, NamedUser, Seq } from '@cim/protocol';
import { Emitter } from './emitter.ts';
import { type ClientEvents, EVENT_NAMES, type Message, type StreamEvent } from './events.ts';
import { Offers } from './offers.ts';
import { hostTimers } from './timers.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

const value: Message = {
  stream: 'inbox:5',
  seq: 1 as Seq,
  id: '7:x:1' as MessageId,
  from: { userId: 7, userName: 'bob' } as NamedUser,
  to: { user: 5 },
  own: false,
  conversation: 'u7',
  texts: ['hi'],
  type: '',
  n: 1,
  storedAt: 0,
};
const message: StreamEvent = { event: 'message', value };

function createOffers() {
  const failures: unknown[] = [];
  const stuck: ClientEvents['stuck'][] = [];
  const events = new Emitter<ClientEvents>(EVENT_NAMES, () => undefined);
  events.on('stuck', (event) => stuck.push(event));
  const offers = new Offers({
    ...hostTimers,
    events,
    random: () => 1,
    failed: (error) => failures.push(error),
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const tick = async (ms: number): Promise<void> => {
    mock.timers.tick(ms);
    await settle();
  };
  return { events, offers, failures, stuck, settle, tick };
}

describe('a message', () => {
  it('is processed at once when its listeners return, or when there are none', () => {
    const { events, offers } = createOffers();
    assert.equal(offers.offer(message), undefined);
    events.on('message', () => undefined);
    assert.equal(offers.offer(message), undefined);
    assert.equal(offers.busy, false);
  });

  it('is processed when all its listeners are, promises of any kind included', async () => {
    const { events, offers, settle } = createOffers();
    const ends: (() => void)[] = [];
    events.on('message', () => new Promise<void>((resolve) => ends.push(resolve)));
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    events.on('message', () => ({ then: (resolve: () => void) => ends.push(resolve) }));
    let processed: boolean | undefined;
    void offers.offer(message)?.then((is) => (processed = is));
    await settle();
    ends[0]?.();
    await settle();
    assert.equal(processed, undefined);
    ends[1]?.();
    await settle();
    assert.equal(processed, true);
  });

  it('is offered again, later and later, to those of its listeners that failed, until they succeed', async () => {
    const { events, offers, failures, stuck, tick } = createOffers();
    let [good, calls] = [0, 0];
    events.on('message', () => good++);
    events.on('message', () => {
      calls++;
      if (calls === 1) throw new Error('thrown');
      return calls < 8 ? Promise.reject(new Error(`rejected ${calls}`)) : undefined;
    });
    let processed: boolean | undefined;
    void offers.offer(message)?.then((is) => (processed = is));
    await tick(0);
    assert.deepEqual([calls, String(failures[0])], [1, 'Error: thrown']);
    for (const ms of [500, 1_000, 2_000, 4_000, 8_000, 16_000]) {
      await tick(ms - 1);
      const before = calls;
      await tick(1);
      assert.equal(calls, before + 1);
    }
    assert.deepEqual(
      stuck.map(({ stream, id, error }) => [stream, id, String(error)]),
      [['inbox:5', '7:x:1', 'Error: rejected 5']],
    );
    await tick(30_000);
    assert.deepEqual([processed, good, calls, failures.length, stuck.length], [true, 1, 8, 7, 1]);
  });

  it('is processed when the listener that failed was removed', async () => {
    const { events, offers, tick } = createOffers();
    const stop = events.on('message', () => Promise.reject(new Error('no')));
    let processed: boolean | undefined;
    void offers.offer(message)?.then((is) => (processed = is));
    await tick(0);
    stop();
    await tick(500);
    assert.equal(processed, true);
  });

  it('is not offered again after the stop, which waits for listeners at work, not for ever', async () => {
    const { events, offers, settle, tick } = createOffers();
    let end = (): void => undefined;
    let calls = 0;
    const remove = events.on('message', () => {
      calls++;
      return Promise.reject(new Error('no'));
    });
    const answers: (boolean | undefined)[] = [];
    void offers.offer(message)?.then((is) => answers.push(is));
    await settle();
    remove();
    events.on('message', () => new Promise<void>((resolve) => (end = resolve)));
    void offers.offer(message)?.then((is) => answers.push(is));
    let stopped = false;
    void offers.stop(1_000).then(() => (stopped = true));
    await settle();
    assert.deepEqual([answers, calls, stopped], [[false], 1, false]);
    end();
    await settle();
    assert.deepEqual([answers, stopped, offers.busy], [[false, true], true, false]);
    void offers.offer(message);
    stopped = false;
    void offers.stop(1_000).then(() => (stopped = true));
    await tick(1_000);
    assert.equal(stopped, true);
  });
});

describe('an event name', () => {
  it('that does not exist is refused, with those that do', () => {
    const { events } = createOffers();
    assert.throws(() => events.on('mesage' as 'message', () => undefined), {
      name: 'TypeError',
      message: /there is no event "mesage"; the events are connected, .*message, .*error/,
    });
  });
});
