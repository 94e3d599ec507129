import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OutcallAnswer, OutcallRequest } from '@cim/outcall';
import type { Webhook } from '@cim/store';
import { retrySchedule } from './retry-schedule.ts';
import { type Item, Sender } from './sender.ts';

const ok: OutcallAnswer = {
  ...{ outcome: 'answered', status: 200, retryAfterMs: undefined, body: Buffer.alloc(0), whole: true, ms: 1 },
};
const answer = (status: number, retryAfterMs?: number): OutcallAnswer => ({ ...ok, status, retryAfterMs });
const away: OutcallAnswer = { outcome: 'failed', reason: 'connection', text: 'connect ECONNREFUSED', ms: 1 };

/** Starts a sender with its own clock, and a receiver that answers when the test says so. */
function begin(changes: Partial<Webhook> = {}) {
  const clock = { ms: 1_000_000 };
  const timers: { at: number; run: () => void; on: boolean }[] = [];
  const calls: { request: OutcallRequest; end: (answer: OutcallAnswer) => void }[] = [];
  const told: string[] = [];
  const gone: string[] = [];
  const webhook: Webhook = {
    ...{ id: 'hook', version: 1, url: 'https://a.example/', secrets: [{ secret: 's' }], events: ['*'] },
    ...{ batch: 1, createdAt: 0, ...changes },
  };
  const sender = new Sender(webhook, {
    outcall: {
      post: (request) => new Promise((resolve) => calls.push({ request, end: resolve })),
    },
    now: () => clock.ms,
    after: (ms, run) => {
      const timer = { at: clock.ms + ms, run, on: true };
      timers.push(timer);
      return { cancel: () => (timer.on = false) };
    },
    retryAfter: retrySchedule(() => 0.5),
    gone: (_, problem) => gone.push(problem),
    observe: () => undefined,
  });
  const owner = {
    delivered: ({ event }: Item) => void told.push(`delivered ${event.id}`),
    retried: ({ event, failed }: Item) => void told.push(`retried ${event.id} ${failed}`),
    held: ({ event }: Item) => void told.push(`held ${event.id}`),
    dead: ({ event }: Item) => void told.push(`dead ${event.id}`),
  };
  return {
    ...{ sender, calls, told, gone, clock },
    offer: (conversation: string, ...ids: string[]) => {
      for (const id of ids)
        sender.offer({
          event: { id, type: 'message.stored', timestamp: '', data: {} },
          ...{ conversation, bytes: 2, failed: 0, notBefore: 0, dropped: false, owner },
        });
    },
    /** Ids of the events in the requests since the last call. */
    sent: async (): Promise<string[]> => {
      for (let i = 0; i < 5; i++) await nextTurn();
      return calls.map(({ request }) => request.id);
    },
    end: async (nth: number, given: OutcallAnswer): Promise<void> => {
      calls[nth]?.end(given);
      for (let i = 0; i < 5; i++) await nextTurn();
    },
    pass: async (ms: number): Promise<void> => {
      const until = clock.ms + ms;
      for (;;) {
        const [next] = timers.filter(({ on, at }) => on && at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        next.on = false;
        clock.ms = Math.max(clock.ms, next.at);
        next.run();
        for (let i = 0; i < 5; i++) await nextTurn();
      }
      clock.ms = until;
    },
  };
}

test('a conversation has one request under way; several conversations have theirs at the same time', async () => {
  const { offer, sent, end, told } = begin();
  offer('a', 'a1', 'a2');
  offer('b', 'b1');
  assert.deepEqual(await sent(), ['a1', 'b1']);
  await end(0, ok);
  assert.deepEqual(await sent(), ['a1', 'b1', 'a2']);
  assert.deepEqual(told, ['delivered a1']);
});

test('at most 16 requests are under way', async () => {
  const { offer, sent, end } = begin();
  for (let i = 0; i < 20; i++) offer(`c${i}`, `e${i}`);
  assert.equal((await sent()).length, 16);
  await end(3, ok);
  assert.equal((await sent()).length, 17);
});

test('an event that fails is sent again after 1 s, then 5 s; those behind it wait, and their owner is told that they are held', async () => {
  const { offer, sent, end, told, pass } = begin();
  offer('a', 'a1', 'a2');
  await sent();
  await end(0, answer(500));
  await pass(999);
  assert.deepEqual(await sent(), ['a1']);
  await pass(1);
  assert.deepEqual(await sent(), ['a1', 'a1']);
  await end(1, answer(500));
  assert.deepEqual(told, ['retried a1 1', 'retried a1 2', 'held a2']);
  await pass(4_999);
  assert.equal((await sent()).length, 2);
  await pass(1);
  await end(2, ok);
  assert.deepEqual(await sent(), ['a1', 'a1', 'a1', 'a2']);
});

test('after a failure the events of a batch are sent one by one', async () => {
  const { offer, sent, end, pass, calls } = begin({ batch: 10 });
  offer('a', 'a1', 'a2');
  offer('b', 'b1');
  await sent();
  assert.match(calls[0]?.request.body ?? '', /"type":"batch".*"a1".*"a2".*"b1"/);
  await end(0, answer(500));
  await pass(1_000);
  assert.deepEqual((await sent()).slice(1).sort(), ['a1', 'b1']);
  assert.doesNotMatch(calls[1]?.request.body ?? '', /batch":|a2/);
});

test('Retry-After holds up all events of a webhook', async () => {
  const { offer, sent, end, pass } = begin();
  offer('a', 'a1');
  await sent();
  await end(0, answer(429, 60_000));
  offer('b', 'b1');
  await pass(59_999);
  assert.deepEqual(await sent(), ['a1']);
  await pass(1);
  assert.deepEqual((await sent()).slice(1).sort(), ['a1', 'b1']);
});

test('while a receiver is away one request at a time tries, no event uses up its tries, and all go out when it is back', async () => {
  const { offer, sent, end, pass, told, calls, sender } = begin();
  for (let i = 0; i < 6; i++) offer(`c${i}`, `e${i}`);
  await sent();
  for (let i = 0; i < 6; i++) await end(i, away);
  assert.equal(sender.problem, 'connect ECONNREFUSED');
  assert.deepEqual(
    told,
    [0, 1, 2, 3, 4, 5].map((i) => `retried e${i} 1`),
  );
  let made = calls.length;
  // After 1 s one event that is due, then one each time after twice the delay; never two at once.
  for (let i = 0; i < 110; i++) {
    await pass(60_000);
    assert.ok(calls.length <= made + 1, `${calls.length - made} at once`);
    if (calls.length > made) await end(made++, away);
  }
  assert.ok(made > 20, `${made} tries`);
  assert.ok(!told.some((one) => one.startsWith('dead')));
  await pass(60_000);
  await end(made, ok);
  assert.equal((await sent()).length, made + 1 + 5);
  assert.equal(sender.failingSince, undefined);
});

test('an event that always fails is dead after about 28 hours, and the next one goes on', async () => {
  const { offer, pass, told, calls, clock } = begin();
  offer('a', 'a1', 'a2');
  const begun = clock.ms;
  let answered = 0;
  while (!told.includes('dead a1')) {
    await pass(60_000);
    for (; answered < calls.length; answered++) {
      // Other events are delivered, so that the receiver does not seem away.
      calls[answered]?.end(calls[answered]?.request.id === 'a1' ? answer(500) : ok);
      await nextTurn();
    }
    if (answered % 3 === 2) offer(`other ${answered}`, `o${answered}`);
    assert.ok(clock.ms - begun < 48 * 3_600_000);
  }
  assert.equal(told.filter((one) => one.startsWith('retried a1')).length, 12);
  assert.ok(clock.ms - begun > 26 * 3_600_000, `${(clock.ms - begun) / 3_600_000} h`);
  await pass(60_000);
  assert.ok(calls.some(({ request }) => request.id === 'a2'));
});

test('HTTP 410 is reported, and nothing more is sent meanwhile', async () => {
  const { offer, sent, end, gone, sender, told } = begin();
  offer('a', 'a1', 'a2');
  await sent();
  await end(0, answer(410));
  assert.deepEqual(gone, ['it answered HTTP 410']);
  assert.deepEqual(await sent(), ['a1']);
  sender.webhook = { ...sender.webhook, off: 'gone' };
  sender.turnOff('gone');
  assert.deepEqual(told, ['dead a1', 'dead a2']);
});

test('an event that comes while the webhook is off goes out when it is turned on', async () => {
  const { offer, sent, sender } = begin();
  const on = sender.webhook;
  sender.webhook = { ...on, off: 'gone' };
  offer('a', 'a1');
  assert.deepEqual(await sent(), []);
  sender.webhook = on;
  assert.deepEqual(await sent(), ['a1']);
});

test('a redirect, an answer other than 2xx, and no answer are failures', async () => {
  for (const given of [answer(302), answer(199), answer(404), away]) {
    const { offer, sent, end, told } = begin();
    offer('a', 'a1');
    await sent();
    await end(0, given);
    assert.deepEqual(told, ['retried a1 1']);
  }
  const { offer, sent, end, told } = begin();
  offer('a', 'a1');
  await sent();
  await end(0, answer(204));
  assert.deepEqual(told, ['delivered a1']);
});

test('a new URL is tried at once; a secret that has ended does not sign any more', async () => {
  const { offer, sent, end, calls, sender, clock } = begin();
  offer('a', 'a1');
  await sent();
  await end(0, answer(500));
  const secrets = [
    { secret: 'new' },
    { secret: 'old', until: clock.ms + 1 },
    { secret: 'ended', until: clock.ms },
  ];
  sender.webhook = { ...sender.webhook, url: 'https://b.example/', secrets };
  await sent();
  assert.deepEqual(
    [calls[1]?.request.url, calls[1]?.request.secrets],
    ['https://b.example/', ['new', 'old']],
  );
});

test('what the receiver at the URL before answers late neither turns the webhook off nor uses up a try', async () => {
  const { offer, sent, end, calls, sender, told, gone } = begin();
  offer('a', 'a1');
  await sent();
  sender.webhook = { ...sender.webhook, url: 'https://b.example/' };
  await end(0, answer(410));
  assert.deepEqual(gone, []);
  assert.deepEqual(told, []);
  assert.equal(calls[1]?.request.url, 'https://b.example/');
  await end(1, ok);
  assert.deepEqual(told, ['delivered a1']);
});
