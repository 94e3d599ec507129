import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { cim } from '@cim/protocol';
import type { UserId } from '@cim/protocol';
import fc from 'fast-check';
import { Outbox } from './outbox.ts';
import { ProducerIds } from './producer-ids.ts';
import { SendLedger, type SendRecord } from './send-journal.ts';
import type { Settled } from './stream-out.ts';
import { hostTimers } from './timers.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

interface Entry {
  readonly producer: string;
  readonly counter: number;
  readonly text: string;
}

/** A store behind connections that lose frames. */
class Store {
  /** Key: recipient. */
  readonly logs = new Map<number, Entry[]>();
  /** Sends written on this connection and not handled yet. */
  arrived: cim.Send[] = [];
  readonly #last = new Map<string, number>();
  readonly #forgetful = new Set<number>();
  /** When the oldest entry was stored; 0: nothing was trimmed. */
  oldestAt = 0;

  get stored(): Partial<Record<string, string[]>> {
    return Object.fromEntries([...this.logs].map(([to, log]) => [to, log.map(({ text }) => text)]));
  }

  answer(send: cim.Send, retry = false): cim.Receipt {
    const { to, group, producer, counter, again } = send;
    const about = { to, group, producer, counter };
    const text = Buffer.from(send.content).toString();
    // Refused before the counter is checked, as an im-server does.
    if (text.startsWith('bad'))
      return new cim.Receipt({ ...about, outcome: cim.Outcome.REFUSED, code: '3000' });
    if (retry) return new cim.Receipt({ ...about, outcome: cim.Outcome.RETRY });
    const key = `${to} ${producer}`;
    const last = this.#last.get(key) ?? 0;
    if (last === 0 && (counter > 1 || (again && this.#forgetful.has(to))))
      return new cim.Receipt({ ...about, outcome: cim.Outcome.UNKNOWN_PRODUCER });
    if (counter > last + 1) return new cim.Receipt({ ...about, outcome: cim.Outcome.GAP, last });
    const log = this.#log(to);
    if (counter === last + 1) {
      this.#last.set(key, counter);
      log.push({ producer, counter, text });
    } else {
      const there = log.find((entry) => entry.producer === producer && entry.counter === counter);
      assert.equal(there?.text, text, 'a number has one content');
    }
    return new cim.Receipt({ ...about, outcome: cim.Outcome.STORED, seq: 1 });
  }

  find({ to, producer }: { to: number; producer: string }): cim.Found {
    const of = this.#log(to).filter((entry) => entry.producer === producer);
    return new cim.Found({ to, producer, last: of.at(-1)?.counter ?? 0, oldestAt: this.oldestAt });
  }

  forget(): void {
    this.#last.clear();
    for (const to of this.logs.keys()) this.#forgetful.add(to);
  }

  #log(to: number): Entry[] {
    const log = this.logs.get(to) ?? [];
    this.logs.set(to, log);
    return log;
  }
}

const DEVICE = 'D'.repeat(22);

function createOutbox({ capacity = 10_000, time = 0, storeTime = 0 } = {}) {
  const gaps: [string, number][] = [];
  const finds: { to: number; producer: string }[] = [];
  const records: SendRecord[] = [];
  /** Set for a journal that writes later. */
  const keeping: { promise?: Promise<void> } = {};
  const ids = new ProducerIds(DEVICE, []);
  const outbox = new Outbox({
    me: 1 as UserId,
    capacity,
    capacityBytes: 1_000_000,
    note: (record) => {
      records.push(record);
      return keeping.promise;
    },
    newProducer: () => ids.fresh(),
    producerAfter: (producer, counter) => ids.after(producer, counter),
    random: () => 0.5,
    ...hostTimers,
    now: () => 0,
    time: () => time,
    storeTime: () => storeTime,
    gap: (_recipient, producer, last) => gaps.push([producer, last]),
    find: (recipient, producer) => finds.push({ to: recipient.to, producer }),
  });
  const offer = (ref: number, user: number, text: string, settle: (settled: Settled) => void): void => {
    outbox.offer(ref, to(user), Buffer.from(text), settle);
    outbox.pump();
  };
  return { outbox, gaps, finds, records, keeping, offer };
}

const to = (user: number) => ({ to: user, group: '', stream: `inbox:${user}` });

const sends = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.boolean()), {
  minLength: 1,
  maxLength: 40,
});

/** Runs a script of faults until every send is answered. A journal may lose its tail. */
function run(
  planned: readonly (readonly [number, boolean])[],
  script: readonly (string | number)[],
  slowSocket: boolean,
) {
  const store = new Store();
  let made = createOutbox();
  let refs = 0;
  const lost: [string, number][] = [];
  const outcomes = new Map<string, Settled>();
  const journal: SendRecord[] = [];
  const transmit = (send: cim.Send.$Properties): boolean => {
    store.arrived.push(new cim.Send(send));
    return !slowSocket;
  };
  const offers = planned.map(([user, bad], i) => ({
    user,
    text: `${bad && i % 3 === 0 ? 'bad' : 'ok'} ${i}`,
  }));
  const settlerOf = (text: string) => (settled: Settled) => outcomes.set(text, settled);
  const offer = (): void => {
    const next = offers.shift();
    if (next !== undefined) made.offer(++refs, next.user, next.text, settlerOf(next.text));
  };
  const crash = (cut: number): void => {
    made.outbox.shut();
    lost.push(...made.gaps);
    journal.push(...made.records);
    journal.splice(Math.max(0, journal.length - cut));
    const ledger = new SendLedger();
    for (const record of journal) ledger.apply(record);
    journal.splice(0, journal.length, ...ledger.records());
    store.arrived = [];
    made = createOutbox();
    for (const send of ledger.saved())
      made.outbox.restore(to(send.to), send, settlerOf(Buffer.from(send.content).toString()));
    made.outbox.open(transmit);
  };
  made.outbox.open(transmit);
  const step = (fault: string | number): void => {
    if (typeof fault === 'number') crash(fault);
    else if (fault === 'send-more') for (let i = 0; i < 3; i++) offer();
    else if (fault === 'forget') store.forget();
    else if (fault === 'cut') {
      store.arrived = [];
      made.finds.splice(0);
      made.outbox.shut();
      made.outbox.open(transmit);
    } else {
      const send = store.arrived.shift();
      if (send !== undefined) {
        const receipt = store.answer(send, fault === 'retry');
        if (fault !== 'receipt-lost') made.outbox.onReceipt(receipt);
        return;
      }
      const find = made.finds.shift();
      if (find !== undefined) made.outbox.onFound(store.find(find));
      offer();
      mock.timers.tick(20_000);
      made.outbox.onDrain();
    }
  };
  for (const fault of script) step(fault);
  while (offers.length > 0) offer();
  step('cut'); // a send whose receipt is lost waits for the next connection
  for (let i = 0; made.outbox.size > 0; i++) {
    assert.ok(i < 10_000, `stuck with ${made.outbox.size} unanswered`);
    step('fine');
  }
  assert.deepEqual([...lost, ...made.gaps], [], 'nothing was lost');
  const ledger = new SendLedger();
  for (const record of [...journal, ...made.records]) ledger.apply(record);
  assert.deepEqual(ledger.saved(), []);
  return { store, outcomes };
}

const faults = (...more: fc.Arbitrary<string | number>[]) =>
  fc.array(
    fc.oneof(
      fc.constantFrom('fine', 'fine', 'receipt-lost', 'retry', 'retry', 'cut', 'send-more'),
      fc.constant('fine'),
      ...more,
    ),
    { maxLength: 120 },
  );

describe('the outbox', () => {
  it('has every send stored once and in order, whatever is lost, cut, refused, postponed, forgotten or crashes', () => {
    fc.assert(
      fc.property(
        sends,
        faults(fc.constantFrom('forget', 0)),
        fc.boolean(),
        (planned, script, slowSocket) => {
          const { store, outcomes } = run(planned, script, slowSocket);
          const wanted: Partial<Record<string, string[]>> = {};
          planned.forEach(([user, bad], i) => {
            if (!bad || i % 3 !== 0) (wanted[user] ??= []).push(`ok ${i}`);
          });
          assert.deepEqual(
            Object.fromEntries(Object.entries(store.stored).filter(([, texts]) => texts?.length !== 0)),
            wanted,
          );
          assert.equal(outcomes.size, planned.length);
          for (const [text, { outcome }] of outcomes)
            assert.equal(outcome, text.startsWith('bad') ? 'refused' : 'stored');
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('never says that a text is stored that is not, and stores none twice, though its journal loses up to 20 records', () => {
    fc.assert(
      fc.property(sends, faults(fc.nat({ max: 20 })), fc.boolean(), (planned, script, slowSocket) => {
        const { store, outcomes } = run(planned, script, slowSocket);
        for (const [text, { outcome }] of outcomes) {
          const times = Object.values(store.stored).flatMap(
            (log) => log?.filter((one) => one === text) ?? [],
          );
          assert.equal(times.length, outcome === 'stored' ? 1 : 0, `${text} is ${outcome}`);
        }
        for (const log of Object.values(store.stored)) assert.equal(new Set(log).size, log?.length);
      }),
      { numRuns: 3_000 },
    );
  });

  it('writes no more than 512 unanswered sends, and goes on as they are answered', () => {
    const store = new Store();
    const { outbox, offer } = createOutbox();
    outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    for (let i = 0; i < 600; i++) offer(i, 2, `ok ${i}`, () => undefined);
    assert.equal(store.arrived.length, 512);
    for (let i = 0; i < 600; i++) outbox.onReceipt(store.answer(store.arrived[i] as cim.Send));
    assert.equal(outbox.size, 0);
    assert.equal(store.stored['2']?.length, 600);
  });

  it('writes nothing more while its connection is full, however much is offered or answered', () => {
    const store = new Store();
    const { outbox, offer } = createOutbox();
    outbox.open((send) => store.arrived.push(new cim.Send(send)) < 2);
    for (let i = 0; i < 20; i++) offer(i, 1 + (i % 2), `ok ${i}`, () => undefined);
    assert.equal(store.arrived.length, 2);
    outbox.onReceipt(store.answer(store.arrived[0] as cim.Send));
    assert.equal(store.arrived.length, 2);
    outbox.onDrain();
    assert.equal(store.arrived.length, 3);
  });

  it('has room for so many sends and bytes, and for one in any case', () => {
    const { outbox, offer } = createOutbox({ capacity: 2 });
    assert.equal(outbox.hasRoomFor(2_000_000), true);
    offer(1, 2, 'x'.repeat(600_000), () => undefined);
    assert.equal(outbox.hasRoomFor(400_000), true);
    assert.equal(outbox.hasRoomFor(400_001), false);
    offer(2, 2, 'x', () => undefined);
    assert.equal(outbox.hasRoomFor(1), false);
    outbox.expire(1, 'too late');
    assert.equal(outbox.hasRoomFor(1), true);
  });

  it('gives back what has waited too long', () => {
    const { outbox, offer } = createOutbox();
    let settled: Settled | undefined;
    offer(1, 2, 'x', (answer) => (settled = answer));
    outbox.expire(1, 'too late');
    assert.deepEqual(settled, { outcome: 'unknown', text: 'too late' });
    assert.equal(outbox.size, 0);
  });
});

describe('a send whose producer the store has forgotten', () => {
  const DAY = 24 * 3_600_000;
  const NOW = 1_800_000_000_000;

  /** A process that had two sends stored and one under way when it died; then the store forgot its producer. */
  function restart({ arrived = false, time = NOW, storeTime = 0 } = {}) {
    const store = new Store();
    const first = createOutbox({ time, storeTime });
    first.outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    for (let i = 1; i <= 3; i++) first.offer(i, 2, `ok ${i}`, () => undefined);
    const [one, two, three] = store.arrived.splice(0) as [cim.Send, cim.Send, cim.Send];
    for (const send of [one, two]) first.outbox.onReceipt(store.answer(send));
    if (arrived) store.answer(three);
    store.forget();
    const ledger = new SendLedger();
    for (const record of first.records) ledger.apply(record);
    const next = createOutbox({ time });
    let settled: Settled | undefined;
    for (const send of ledger.saved()) next.outbox.restore(to(2), send, (answer) => (settled = answer));
    next.outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    const answer = (): void => next.outbox.onReceipt(store.answer(store.arrived.shift() as cim.Send));
    answer();
    return {
      ...next,
      store,
      answer,
      found: (found: cim.Found) => next.outbox.onFound(found),
      settled: () => settled,
    };
  }

  it('is stored when the stream holds it: nothing is sent again', () => {
    const { store, finds, found, settled } = restart({ arrived: true });
    assert.equal(finds.length, 1);
    found(store.find(finds[0] as { to: number; producer: string }));
    assert.equal(settled()?.outcome, 'stored');
    assert.deepEqual([store.arrived, store.stored['2']], [[], ['ok 1', 'ok 2', 'ok 3']]);
  });

  it('is sent again when the stream holds those before it, or nothing was ever trimmed', () => {
    for (const trimmed of [false, true]) {
      const { store, finds, found, answer, settled } = restart();
      if (!trimmed) store.logs.clear();
      store.oldestAt = trimmed ? NOW + DAY : 0;
      found(store.find(finds[0] as { to: number; producer: string }));
      answer();
      assert.equal(settled()?.outcome, 'stored');
      assert.equal(store.stored['2']?.at(-1), 'ok 3');
    }
  });

  it('is unknown when the stream has trimmed the time at which it may have been stored', () => {
    for (const [storeTime, oldestAt, outcome] of [
      [0, NOW - DAY + 1, 'unknown'],
      [0, NOW - DAY, 'stored'],
      // The store's own clock tells more: the send was made after an entry stored 5,000 s ago.
      [NOW - 5_000_000, NOW - 5_000_000, 'unknown'],
      [NOW - 5_000_000, NOW - 5_060_000, 'stored'],
    ] as const) {
      const { store, finds, found, answer, settled } = restart({ storeTime });
      store.logs.clear();
      store.oldestAt = oldestAt;
      found(store.find(finds[0] as { to: number; producer: string }));
      if (outcome === 'stored') answer();
      assert.equal(settled()?.outcome, outcome);
      assert.equal(store.arrived.length, 0);
    }
  });

  it('is sent under another producer at once when it was written once and answered so', () => {
    const store = new Store();
    const { outbox, gaps, finds, offer } = createOutbox();
    outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    const outcomes: string[] = [];
    for (const text of ['ok 1', 'ok 2']) {
      offer(1, 2, text, ({ outcome }) => outcomes.push(outcome));
      outbox.onReceipt(store.answer(store.arrived.shift() as cim.Send));
      store.forget();
    }
    outbox.onReceipt(store.answer(store.arrived.shift() as cim.Send));
    assert.deepEqual([outcomes, finds, gaps], [['stored', 'stored'], [], []]);
    assert.deepEqual(store.stored['2'], ['ok 1', 'ok 2']);
  });

  it('is asked about again on the next connection when the answer did not come', () => {
    const { outbox, store, finds, found, settled, answer } = restart({ arrived: true });
    outbox.shut();
    found(store.find(finds[0] as { to: number; producer: string }));
    assert.equal(settled(), undefined);
    outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    answer();
    assert.equal(finds.length, 2);
    found(store.find(finds[1] as { to: number; producer: string }));
    assert.equal(settled()?.outcome, 'stored');
  });
});

it('a send is written when the journal has kept it, and not before', async () => {
  const { outbox, keeping, offer } = createOutbox();
  const written: number[] = [];
  outbox.open(({ counter = 0 }) => {
    written.push(counter);
    return true;
  });
  let done: () => void = () => undefined;
  keeping.promise = new Promise((resolve) => (done = resolve));
  offer(1, 1, 'one', () => undefined);
  offer(2, 1, 'two', () => undefined);
  assert.deepEqual(written, []);
  done();
  await keeping.promise;
  await Promise.resolve();
  assert.deepEqual(written, [1, 2]);
});
