import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { cim } from '@cim/protocol';
import type { ProducerId, UserId } from '@cim/protocol';
import fc from 'fast-check';
import { Outbox, type Settled } from './outbox.ts';
import { SendLedger } from './send-journal.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

/** A store behind connections that lose things. */
class Store {
  readonly stored: Partial<Record<string, string[]>> = {};
  /** Written on this connection and not looked at. */
  arrived: cim.Send[] = [];
  readonly #last = new Map<string, number>();

  answer(send: cim.Send, retry: boolean): cim.Receipt {
    const { to, group, producer, counter } = send;
    const about = { to, group, producer, counter };
    const text = Buffer.from(send.content).toString();
    // As an im-server does, before it looks at the counter.
    if (text.startsWith('bad'))
      return new cim.Receipt({ ...about, outcome: cim.Outcome.REFUSED, code: '3000' });
    if (retry) return new cim.Receipt({ ...about, outcome: cim.Outcome.RETRY });
    const key = `${to} ${producer}`;
    const last = this.#last.get(key) ?? 0;
    if (counter > last + 1) return new cim.Receipt({ ...about, outcome: cim.Outcome.GAP, last });
    if (counter === last + 1) {
      this.#last.set(key, counter);
      (this.stored[to] ??= []).push(text);
    }
    return new cim.Receipt({ ...about, outcome: cim.Outcome.STORED, seq: 1 });
  }
}

function createOutbox(
  capacity = 10_000,
  { ledger = new SendLedger(), firstProducer = 0 } = {},
): { outbox: Outbox; gaps: number[]; ledger: SendLedger; producers: () => number } {
  let producers = firstProducer;
  const gaps: number[] = [];
  const outbox = new Outbox(
    {
      me: 1 as UserId,
      capacity,
      capacityBytes: 1_000_000,
      note: (record) => ledger.apply(record),
      newProducer: () => `producer-${String(++producers).padStart(8, '0')}` as ProducerId,
      random: () => 0.5,
      now: () => 0,
      time: () => 0,
      gap: (_recipient, _producer, last) => gaps.push(last),
    },
    ledger.saved().counters,
  );
  return { outbox, gaps, ledger, producers: () => producers };
}

const to = (user: number) => ({ to: user, group: '', stream: `inbox:${user}` });

describe('the outbox', () => {
  it('has every send stored once and in order, whatever is lost, cut, refused, postponed or crashes', () => {
    const sends = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
    });
    const faults = fc.array(
      fc.constantFrom('fine', 'fine', 'receipt-lost', 'retry', 'retry', 'cut', 'send-more', 'crash'),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(sends, faults, fc.boolean(), (planned, script, slowSocket) => {
        const store = new Store();
        let made = createOutbox();
        let refs = 0;
        const lost: number[] = [];
        const outcomes = new Map<string, Settled>();
        const transmit = (send: cim.Send.$Properties): boolean => {
          store.arrived.push(new cim.Send(send));
          return !slowSocket;
        };
        const wanted: Partial<Record<string, string[]>> = {};
        const offers = planned.map(([user, bad], i) => ({
          user,
          text: `${bad && i % 3 === 0 ? 'bad' : 'ok'} ${i}`,
        }));
        const offer = (): void => {
          const next = offers.shift();
          if (next === undefined) return;
          if (!next.text.startsWith('bad')) (wanted[next.user] ??= []).push(next.text);
          made.outbox.offer(++refs, to(next.user), Buffer.from(next.text), settlerOf(next.text));
        };
        const settlerOf = (text: string) => (settled: Settled) => outcomes.set(text, settled);
        const crash = (): void => {
          made.outbox.shut();
          lost.push(...made.gaps);
          store.arrived = [];
          // Every second time from a journal that was written anew.
          const ledger = refs % 2 === 0 ? made.ledger : new SendLedger();
          if (ledger !== made.ledger) for (const record of made.ledger.records()) ledger.apply(record);
          made = createOutbox(10_000, { ledger, firstProducer: made.producers() });
          for (const send of ledger.saved().sends)
            made.outbox.restore(to(send.to), send, settlerOf(Buffer.from(send.content).toString()));
          made.outbox.open(transmit);
        };
        made.outbox.open(transmit);
        const step = (fault: string): void => {
          if (fault === 'send-more') for (let i = 0; i < 3; i++) offer();
          else if (fault === 'crash') crash();
          else if (fault === 'cut') {
            store.arrived = [];
            made.outbox.shut();
            made.outbox.open(transmit);
          } else {
            const send = store.arrived.shift();
            if (send === undefined) {
              offer();
              mock.timers.tick(20_000);
              made.outbox.pump();
              return;
            }
            const receipt = store.answer(send, fault === 'retry');
            if (fault !== 'receipt-lost') made.outbox.onReceipt(receipt);
          }
        };
        for (const fault of script) step(fault);
        while (offers.length > 0) offer();
        step('cut'); // what waits for a receipt that is lost waits for the next connection
        for (let i = 0; made.outbox.size > 0; i++) {
          assert.ok(i < 10_000, `stuck with ${made.outbox.size} unanswered`);
          step('fine');
        }
        assert.deepEqual({ ...store.stored }, wanted);
        assert.equal(outcomes.size, planned.length);
        for (const [text, { outcome }] of outcomes)
          assert.equal(outcome, text.startsWith('bad') ? 'refused' : 'stored');
        assert.deepEqual([...lost, ...made.gaps], []);
        assert.deepEqual(made.ledger.saved().sends, []);
      }),
      { numRuns: 4_000 },
    );
  });

  it('writes no more than 512 unanswered sends, and goes on as they are answered', () => {
    const store = new Store();
    const { outbox } = createOutbox();
    outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    for (let i = 0; i < 600; i++) outbox.offer(i, to(2), Buffer.from(`ok ${i}`), () => undefined);
    assert.equal(store.arrived.length, 512);
    for (let i = 0; i < 600; i++) outbox.onReceipt(store.answer(store.arrived[i] as cim.Send, false));
    assert.equal(outbox.size, 0);
    assert.equal(store.stored['2']?.length, 600);
  });

  it('holds no more bytes than it may', () => {
    const { outbox } = createOutbox();
    assert.equal(
      outbox.offer(1, to(2), Buffer.alloc(600_000), () => undefined),
      true,
    );
    assert.equal(
      outbox.offer(2, to(2), Buffer.alloc(600_000), () => undefined),
      false,
    );
    outbox.expire(1, 'too late');
    assert.equal(
      outbox.offer(3, to(2), Buffer.alloc(600_000), () => undefined),
      true,
    );
  });

  it('gives back what has waited too long', () => {
    const { outbox } = createOutbox();
    let settled: Settled | undefined;
    outbox.offer(1, to(2), Buffer.from('x'), (answer) => (settled = answer));
    outbox.expire(1, 'too late');
    assert.deepEqual(settled, { outcome: 'unknown', text: 'too late' });
    assert.equal(outbox.size, 0);
  });

  it('saves counters only of streams with nothing unanswered', () => {
    const store = new Store();
    const { outbox } = createOutbox();
    outbox.open((send) => store.arrived.push(new cim.Send(send)) > 0);
    outbox.offer(1, to(2), Buffer.from('ok'), () => undefined);
    outbox.offer(2, to(3), Buffer.from('ok'), () => undefined);
    outbox.onReceipt(store.answer(store.arrived[0] as cim.Send, false));
    assert.deepEqual(outbox.counters(), { 'inbox:2': { producer: 'producer-00000001', counter: 1 } });
  });
});
