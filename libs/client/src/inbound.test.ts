import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { cim, messageId } from '@cim/protocol';
import type { ProducerId, UserId, wire } from '@cim/protocol';
import type { ClientEvents, StreamEvent } from './events.ts';
import { Inbound, type SavedInbound } from './inbound.ts';
import type { ProcessedRecord } from './state.ts';
import { hostTimers } from './timers.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
afterEach(() => mock.timers.reset());

const { CONTINUE, RESET, EXPIRED, SKIPPED } = cim.ResumeAnswer;
const PRODUCER = 'bobsProducerId00';
const idOf = (counter: number): string => messageId(7 as UserId, PRODUCER as ProducerId, counter);

/** The entry of a log whose ids count with its seqs, or, after a loss, from elsewhere. */
const entry = (seq: number, counter = seq, prev = seq === 1 ? '' : idOf(counter - 1)): cim.Entry =>
  new cim.Entry({
    seq,
    prev,
    sender: 7,
    senderName: 'bob',
    producer: PRODUCER,
    counter,
    content: cim.Content.encode({ texts: [`m${counter}`] }).finish(),
  });

/** @param slow whether a message is at work until `finish` */
function createInbound(
  saved: Partial<SavedInbound> = {},
  slow = false,
  isOwn: (producer: ProducerId) => boolean = () => false,
) {
  const events: StreamEvent[] = [];
  const shown: string[] = [];
  const working: ((processed: boolean) => void)[] = [];
  const held: [string, number][] = [];
  const kept: string[] = [];
  const acks: [string, number][] = [];
  const skipped: ClientEvents['skipped'][] = [];
  /** Set for a state that is written later. */
  const keeping: { promise?: Promise<void> } = {};
  const inbound = new Inbound(5 as UserId, saved, {
    ...hostTimers,
    show: (offered) => {
      const { event, value } = offered;
      events.push(offered);
      if ('texts' in value) shown.push(...value.texts);
      else shown.push(event);
      return slow ? new Promise((resolve) => working.push(resolve)) : undefined;
    },
    skipped: (event) => skipped.push(event),
    isOwn,
    processed: ({ id, seq }: ProcessedRecord) => kept.push(`${seq} ${id.split(':')[2]}`),
    keep: () => {
      kept.push('all');
      return keeping.promise;
    },
    moved: () => undefined,
    ack: ({ group, seq, held: upTo }) => {
      if (upTo == null) acks.push([group ?? '', seq ?? 0]);
      else held.push([group ?? '', upTo]);
    },
    unreadable: () => undefined,
  });
  const resumed = (streams: cim.ResumedStream.$Properties[]): void =>
    inbound.onResumed(cim.Resumed.decode(cim.Resumed.encode({ streams }).finish()) as wire.Resumed);
  const deliver = (group: string, ...entries: cim.Entry[]): boolean =>
    inbound.onDeliver(new cim.Deliver({ group, entries }) as wire.Deliver);
  const cursorOf = (group: string) => inbound.resume().cursors.find((cursor) => cursor.group === group);
  const finish = async (processed = true): Promise<void> => {
    working.shift()?.(processed);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { inbound, shown, events, acks, held, kept, keeping, skipped, resumed, deliver, cursorOf, finish };
}

describe('acks', () => {
  it('wait until the state has kept what they say, and do not go to another connection', async () => {
    const { inbound, acks, keeping, resumed, deliver } = createInbound();
    const resume = () => resumed([{ group: '', answer: CONTINUE, to: 0, id: '-' }]);
    resume();
    let done: () => void = () => undefined;
    keeping.promise = new Promise((resolve) => (done = resolve));
    deliver('', entry(1));
    mock.timers.tick(200);
    assert.deepEqual(acks, []);
    done();
    await keeping.promise;
    assert.deepEqual(acks, [['', 1]]);
    keeping.promise = new Promise((resolve) => (done = resolve));
    deliver('', entry(2));
    mock.timers.tick(200);
    inbound.detach();
    done();
    await keeping.promise;
    assert.deepEqual(acks, [['', 1]]);
    resumed([{ group: '', answer: CONTINUE, to: 2, id: idOf(2) }]);
    delete keeping.promise;
    inbound.flush();
    assert.deepEqual(acks.slice(1), [['', 2]]);
  });

  for (const group of ['', 'lobby'])
    it(`go out again when the server sends what was acked, ${group || 'inbox'}`, () => {
      const { inbound, shown, acks, resumed, deliver } = createInbound();
      resumed([{ group, answer: CONTINUE, from: 1, to: 0, id: '-' }]);
      deliver(group, entry(1), entry(2));
      inbound.flush();
      deliver(group, entry(1), entry(2));
      mock.timers.tick(199);
      assert.deepEqual(acks, [[group, 2]]);
      mock.timers.tick(1);
      assert.deepEqual(acks, [
        [group, 2],
        [group, 2],
      ]);
      assert.deepEqual(shown, ['m1', 'm2']);
    });

  it('of a group go out in time when there is no ping to take the place of', () => {
    const { acks, resumed, deliver } = createInbound();
    resumed([{ group: 'lobby', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('lobby', entry(1));
    mock.timers.tick(17_999);
    assert.deepEqual(acks, []);
    mock.timers.tick(1);
    assert.deepEqual(acks, [['lobby', 1]]);
  });

  it('go out after 64 entries, or 64 KiB, whatever the time', () => {
    const { acks, resumed, deliver } = createInbound();
    resumed([{ group: 'lobby', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    for (let seq = 1; seq <= 65; seq++) deliver('lobby', entry(seq));
    assert.deepEqual(acks, [['lobby', 64]]);
    const long = cim.Content.encode({ texts: ['x'.repeat(8_000)] }).finish();
    for (let seq = 66; seq <= 75; seq++) deliver('lobby', Object.assign(entry(seq), { content: long }));
    assert.deepEqual(acks, [
      ['lobby', 64],
      ['lobby', 74],
    ]);
  });

  it('go out after 64 entries, also in the middle of a frame', () => {
    const { acks, resumed, deliver } = createInbound();
    resumed([{ group: 'lobby', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('lobby', ...Array.from({ length: 130 }, (_, i) => entry(i + 1)));
    assert.deepEqual(acks, [
      ['lobby', 64],
      ['lobby', 128],
    ]);
  });

  it('never go beyond a log that went back', () => {
    const { acks, resumed, deliver } = createInbound();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('', entry(1), entry(2), entry(3));
    resumed([{ group: '', answer: RESET, from: 2, to: 1 }]);
    mock.timers.tick(1_000);
    assert.ok(acks.every(([, seq]) => seq <= 1));
  });
});

describe('the cursor that is presented', () => {
  for (const [answer, from, to] of [
    [RESET, 8, 7],
    [SKIPPED, 10, 900],
    [EXPIRED, 10, 900],
  ] as const)
    it(`stays the last one with an id after ${cim.ResumeAnswer[answer]} until an entry has come, told once`, () => {
      const { inbound, shown, skipped, resumed, deliver, cursorOf } = createInbound();
      resumed([{ group: 'lobby', answer: CONTINUE, from: 10, to: 9, id: idOf(9) }]);
      for (let i = 0; i < 3; i++) {
        resumed([{ group: 'lobby', answer, from, to }]);
        assert.deepEqual(cursorOf('lobby'), { group: 'lobby', seq: 9, id: idOf(9) });
        assert.deepEqual(inbound.saved().cursors['group:lobby'], { seq: 9, id: idOf(9) });
      }
      assert.equal(skipped.length, 1);
      const next = answer === RESET ? from : to + 1;
      assert.equal(deliver('lobby', entry(next, 2_000)), true);
      assert.deepEqual(cursorOf('lobby'), { group: 'lobby', seq: next, id: idOf(2_000) });
      assert.deepEqual(shown, ['m2000']);
    });

  it('is the beginning after a log that has lost everything', () => {
    const { resumed, cursorOf } = createInbound();
    resumed([{ group: 'lobby', answer: CONTINUE, from: 10, to: 9, id: idOf(9) }]);
    resumed([{ group: 'lobby', answer: RESET, from: 1, to: 0 }]);
    assert.deepEqual(cursorOf('lobby'), { group: 'lobby', seq: 0, id: '-' });
  });

  it('is not followed by an entry that stands behind another one: the connection starts again', () => {
    const { shown, resumed, deliver } = createInbound();
    resumed([{ group: '', answer: CONTINUE, from: 10, to: 9, id: idOf(9) }]);
    assert.equal(deliver('', entry(10, 70)), false);
    resumed([{ group: '', answer: RESET, from: 8, to: 10 }]);
    assert.equal(deliver('', entry(8, 68), entry(9, 69), entry(10, 70)), true);
    assert.deepEqual(shown, ['m68', 'm69', 'm70']);
  });
});

describe('a log that went back', () => {
  it('has its seqs used again: new messages are shown, those shown before are not', () => {
    const { shown, skipped, resumed, deliver } = createInbound();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('', entry(1), entry(2), entry(3));
    resumed([{ group: '', answer: RESET, from: 2, to: 3 }]);
    deliver('', entry(2), entry(3, 30, idOf(2)), entry(4, 31));
    assert.deepEqual(shown, ['m1', 'm2', 'm3', 'm30', 'm31']);
    assert.deepEqual(
      skipped.map(({ kind }) => kind),
      ['reset'],
    );
  });

  it('shows nothing twice to the next process either', () => {
    const before = createInbound();
    before.resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    before.deliver('', ...Array.from({ length: 600 }, (_, i) => entry(i + 1)));
    const saved = before.inbound.saved();
    assert.equal(saved.seen['inbox:5']?.length, 512);
    const { shown, resumed, deliver } = createInbound(saved);
    resumed([{ group: '', answer: RESET, from: 590, to: 601 }]);
    deliver('', ...Array.from({ length: 12 }, (_, i) => entry(590 + i)));
    assert.deepEqual(shown, ['m601']);
  });

  it('shows again what is older than the 4,096 that are remembered', () => {
    const { inbound, shown, resumed, deliver } = createInbound();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    for (let seq = 1; seq <= 5_000; seq++) deliver('', entry(seq));
    assert.equal(inbound.saved().seen['inbox:5']?.at(-1), idOf(5_000));
    assert.equal(inbound.saved().seen['inbox:5']?.[0], idOf(4_489));
    shown.length = 0;
    resumed([{ group: '', answer: RESET, from: 905, to: 905 }]);
    deliver('', entry(905));
    assert.deepEqual(shown, []);
    resumed([{ group: '', answer: RESET, from: 904, to: 904 }]);
    deliver('', entry(904));
    assert.deepEqual(shown, ['m904']);
  });
});

describe('a message that the application works on', () => {
  const begin = () => {
    const made = createInbound({}, true);
    made.resumed([
      { group: '', answer: CONTINUE, from: 1, to: 0, id: '-' },
      { group: 'lobby', answer: CONTINUE, from: 1, to: 0, id: '-' },
    ]);
    return made;
  };

  it('holds back those behind it in its stream, the cursor and the ack, and no other stream', async () => {
    const { shown, acks, kept, deliver, cursorOf, finish } = begin();
    deliver('', entry(1), entry(2));
    deliver('lobby', entry(1, 11, ''));
    assert.deepEqual(shown, ['m1', 'm11']);
    mock.timers.tick(1_000);
    assert.deepEqual([acks, kept], [[], []]);
    assert.equal(cursorOf('')?.seq, 0);
    await finish();
    assert.deepEqual([shown, kept], [['m1', 'm11', 'm2'], ['1 1']]);
    assert.deepEqual(cursorOf(''), { group: '', seq: 1, id: idOf(1) });
    mock.timers.tick(200);
    assert.deepEqual(acks, [['', 1]]);
  });

  it('is kept before the ack goes out', async () => {
    const { kept, deliver, finish } = begin();
    deliver('', entry(1));
    await finish();
    mock.timers.tick(200);
    assert.deepEqual(kept, ['1 1', 'all']);
  });

  it('has the server told that it is here, once, after 10 s, and again on the next connection', async () => {
    const { inbound, acks, held, resumed, deliver, finish } = begin();
    deliver('', entry(1), entry(2));
    mock.timers.tick(9_999);
    assert.deepEqual(held, []);
    mock.timers.tick(1);
    assert.deepEqual(held, [['', 2]]);
    mock.timers.tick(60_000);
    assert.equal(held.length, 1);
    deliver('', entry(3));
    mock.timers.tick(10_000);
    assert.deepEqual(held.at(-1), ['', 3]);
    inbound.detach();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('', entry(1), entry(2), entry(3));
    mock.timers.tick(10_000);
    assert.deepEqual(held, [
      ['', 2],
      ['', 3],
      ['', 3],
    ]);
    for (let i = 0; i < 3; i++) await finish();
    mock.timers.tick(60_000);
    assert.equal(held.length, 3);
    assert.deepEqual(acks.at(-1), ['', 3]);
  });

  it('is not shown again when the server sends it again, on this connection or the next', async () => {
    const { inbound, shown, acks, resumed, deliver, finish } = begin();
    deliver('', entry(1), entry(2));
    deliver('', entry(1), entry(2));
    inbound.detach();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('', entry(1), entry(2), entry(3));
    for (let i = 0; i < 3; i++) await finish();
    assert.deepEqual(shown, ['m1', 'm2', 'm3']);
    mock.timers.tick(200);
    assert.deepEqual(acks.at(-1), ['', 3]);
  });

  it('that ends between two connections is not acked before the new one has sent it', async () => {
    const { inbound, shown, acks, resumed, deliver, finish } = begin();
    deliver('', entry(1), entry(2));
    inbound.detach();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    await finish();
    inbound.flush();
    mock.timers.tick(1_000);
    assert.ok(acks.every(([, seq]) => seq === 0));
    deliver('', entry(1), entry(2));
    await finish();
    mock.timers.tick(200);
    assert.deepEqual(
      [shown, acks.at(-1)],
      [
        ['m1', 'm2'],
        ['', 2],
      ],
    );
  });

  it('of a log that went back moves no cursor, unless the log has it still', async () => {
    const { acks, kept, resumed, deliver, cursorOf, finish } = begin();
    deliver('', entry(1), entry(2), entry(3));
    await finish();
    resumed([{ group: '', answer: RESET, from: 2, to: 3 }]);
    assert.deepEqual(cursorOf(''), { group: '', seq: 1, id: idOf(1) });
    deliver('', entry(2, 3, idOf(1)), entry(3, 30, idOf(3)));
    await finish(); // m2, which is lost
    assert.deepEqual(cursorOf(''), { group: '', seq: 1, id: idOf(1) });
    await finish(); // m3, which is at 2 now
    assert.deepEqual(cursorOf(''), { group: '', seq: 2, id: idOf(3) });
    await finish();
    assert.deepEqual(kept, ['1 1', '0 2', '2 3', '3 30']);
    mock.timers.tick(200);
    assert.deepEqual(acks.at(-1), ['', 3]);
  });

  it('is not processed when the client ends first', async () => {
    const { inbound, shown, kept, deliver, finish } = begin();
    deliver('', entry(1), entry(2));
    inbound.end();
    await finish(false);
    assert.deepEqual([shown, kept], [['m1'], []]);
  });

  it('is kept as processed when it ends after the client, and the next one is not shown', async () => {
    const { inbound, shown, kept, deliver, finish } = begin();
    deliver('', entry(1), entry(2));
    inbound.end();
    await finish();
    assert.deepEqual([shown, kept], [['m1'], ['1 1']]);
  });
});

describe('the copy of an own message', () => {
  const MINE = 'myProducerId0000' as ProducerId;
  const receipt = (counter: number, copy: number, outcome = cim.Outcome.STORED): cim.Receipt =>
    new cim.Receipt({ to: 7, producer: MINE, counter, outcome, seq: 9, copy });
  /** As it stands in the log of user 5. */
  const copyId = (counter: number): string => `5:${MINE}>7:${counter}`;
  const copy = (seq: number, counter: number, prev: string, producer: string = MINE): cim.Entry =>
    new cim.Entry({
      ...{ seq, prev, sender: 5, senderName: 'alice', producer: `${producer}>7`, counter },
      content: cim.Content.encode({ texts: [`own ${counter}`] }).finish(),
    });
  const begin = (slow = false) => {
    const made = createInbound({}, slow, (producer) => producer === MINE);
    made.resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    return made;
  };

  it('is passed at its receipt: the next entry follows it, and the cursor behind it is its id', () => {
    const { inbound, shown, deliver, cursorOf } = begin();
    deliver('', entry(1));
    inbound.onReceipt(receipt(1, 2));
    assert.deepEqual(cursorOf(''), { group: '', seq: 2, id: copyId(1) });
    assert.equal(deliver('', entry(3, 2, copyId(1))), true);
    assert.deepEqual(shown, ['m1', 'm2']);
  });

  it('that comes as an entry is not shown, and the cursor moves', () => {
    const { inbound, shown, deliver, cursorOf } = begin();
    deliver('', entry(1));
    inbound.onReceipt(receipt(1, 0));
    assert.deepEqual(cursorOf('')?.seq, 1);
    assert.equal(deliver('', copy(2, 1, idOf(1)), entry(3, 2, copyId(1))), true);
    assert.deepEqual(shown, ['m1', 'm2']);
  });

  it('moves nothing at a receipt that is refused, that does not follow, or that comes twice', () => {
    const { inbound, cursorOf } = begin();
    inbound.onReceipt(receipt(1, 1, cim.Outcome.REFUSED));
    inbound.onReceipt(receipt(1, 2));
    assert.equal(cursorOf('')?.seq, 0);
    inbound.onReceipt(receipt(1, 1));
    inbound.onReceipt(receipt(1, 1));
    assert.deepEqual(cursorOf(''), { group: '', seq: 1, id: copyId(1) });
  });

  it('waits for the message at work before it, and moves the cursor behind it', async () => {
    const { inbound, shown, deliver, cursorOf, finish } = begin(true);
    deliver('', entry(1));
    inbound.onReceipt(receipt(1, 2));
    assert.equal(cursorOf('')?.seq, 0);
    await finish();
    assert.deepEqual(cursorOf(''), { group: '', seq: 2, id: copyId(1) });
    assert.deepEqual(shown, ['m1']);
  });

  it('is acked with others, after 64 of them, or late: nothing travels for each of them', () => {
    const { inbound, acks } = begin();
    for (let seq = 1; seq <= 65; seq++) inbound.onReceipt(receipt(seq, seq));
    assert.deepEqual(acks, [['', 64]]);
    mock.timers.tick(17_999);
    assert.equal(acks.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(acks.at(-1), ['', 65]);
  });

  it('does not delay the ack of a message that comes after it', () => {
    const { inbound, acks, deliver } = begin();
    inbound.onReceipt(receipt(1, 1));
    deliver('', entry(2, 1, copyId(1)));
    mock.timers.tick(200);
    assert.deepEqual(acks, [['', 2]]);
  });

  it('that another device sent is offered as an own message, with the id that everybody knows', () => {
    const { inbound, events } = begin();
    inbound.onDeliver({ group: '', entries: [copy(1, 4, '', 'otherProducerId0')] });
    const { id, own, to, conversation } = events[0]?.value ?? {};
    assert.deepEqual(
      { id, own, to, conversation },
      { id: '5:otherProducerId0:4', own: true, to: { user: 7 }, conversation: 'u7' },
    );
  });
});

describe('a group', () => {
  const memberEntry = (seq: number, body: object, sender = 7): cim.Entry =>
    Object.assign(entry(seq), {
      sender,
      content: cim.Content.encode({
        type: 'member',
        body: new TextEncoder().encode(JSON.stringify(body)),
      }).finish(),
    });
  const join = (slow = false, group = '17') => {
    const made = createInbound({}, slow);
    made.resumed([{ group, answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    return made;
  };

  it('comes with an answer that nobody asked for, and is named from then on', () => {
    const { inbound, shown, events, deliver, cursorOf } = join();
    deliver('17', entry(1));
    assert.deepEqual(shown, ['m1']);
    const { conversation, to, group, own } = events[0]?.value ?? {};
    assert.deepEqual([conversation, to, group, own], ['g17', { group: '17' }, '17', false]);
    assert.deepEqual(cursorOf('17'), { group: '17', seq: 1, id: idOf(1) });
    assert.deepEqual(inbound.saved().cursors['group:17'], { seq: 1, id: idOf(1) });
  });

  it('that was saved goes on after its cursor, and shows nothing twice', () => {
    const first = join();
    first.deliver('17', entry(1), entry(2));
    const { shown, resumed, deliver, cursorOf } = createInbound(first.inbound.saved());
    assert.deepEqual(cursorOf('17'), { group: '17', seq: 2, id: idOf(2) });
    resumed([{ group: '17', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('17', entry(1), entry(2), entry(3));
    assert.deepEqual(shown, ['m3']);
  });

  for (const [how, body] of [
    ['was removed', { op: 'remove', users: [{ id: '5', name: 'alice' }] }],
    ['was disbanded', { op: 'disband' }],
  ] as const)
    it(`from which its user ${how} is acked at once when that is processed, and keeps its place`, async () => {
      const { inbound, acks, events, deliver, finish } = join(true);
      deliver('17', memberEntry(1, body));
      assert.equal(events[0]?.event, 'members');
      assert.deepEqual(acks, []);
      await finish();
      assert.deepEqual(acks, [['17', 1]]);
      assert.deepEqual(inbound.saved().cursors['group:17'], { seq: 1, id: idOf(1) });
    });

  it('that its user has left is named from then on, and shows nothing twice', () => {
    const { shown, resumed, deliver, cursorOf } = join();
    deliver('17', memberEntry(1, { op: 'leave' }, 5));
    assert.equal(cursorOf('17')?.seq, 1);
    resumed([{ group: '17', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('17', memberEntry(1, { op: 'leave' }, 5));
    assert.deepEqual(shown, ['members']);
  });

  it('from which somebody else was removed goes on', () => {
    const { inbound, deliver } = join();
    deliver('17', memberEntry(1, { op: 'remove', users: [{ id: '6', name: 'carol' }] }));
    assert.equal(inbound.saved().cursors['group:17']?.seq, 1);
  });

  it('that its user has left and joined again, while the first was at work, goes on', async () => {
    const { shown, resumed, deliver, finish } = join(true);
    deliver('17', memberEntry(1, { op: 'remove', users: [{ id: '5', name: 'alice' }] }));
    resumed([{ group: '17', answer: CONTINUE, from: 2, to: 1, id: idOf(1) }]);
    await finish();
    deliver('17', entry(2));
    assert.deepEqual(shown, ['members', 'm2']);
  });

  it('is one of 1,000: the next one takes the place of one that the server does not deliver', () => {
    const named = (group: number) => ({ group: String(group), answer: CONTINUE, from: 1, to: 0, id: '-' });
    const { inbound, resumed } = createInbound();
    resumed(Array.from({ length: 1_000 }, (_, i) => named(i + 1)));
    resumed([named(2_000)]);
    assert.equal(inbound.saved().cursors['group:2000'], undefined);
    inbound.detach();
    resumed(Array.from({ length: 999 }, (_, i) => named(i + 2)));
    resumed([named(2_000)]);
    const { cursors } = inbound.saved();
    assert.deepEqual([cursors['group:1'], cursors['group:2000']?.seq], [undefined, 0]);
    assert.equal(inbound.resume().cursors.length, 2 + 500);
  });
});

describe('an event about a message', () => {
  const content = (seq: number, what: cim.Content.$Properties): cim.Entry =>
    Object.assign(entry(seq), { content: cim.Content.encode(what).finish() });
  const ref = '7:someProducerId00:4';

  it('has its name and what it says; contents of other types are messages', () => {
    const { events, resumed, deliver } = createInbound();
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver(
      '',
      content(1, { type: 'recall', ref }),
      content(2, { type: 'edit', ref, texts: ['new'] }),
      content(3, { type: 'reaction', ref, texts: ['+1'] }),
      content(4, { type: 'reaction', ref }),
      content(5, { type: 'com.example.card', body: Uint8Array.of(1, 2) }),
      content(6, { texts: ['a reply'], ref }),
    );
    const shared = ['stream', 'seq', 'id', 'from', 'to', 'own', 'conversation', 'storedAt'];
    const said = events.map(({ event, value }) => [
      event,
      Object.fromEntries(Object.entries(value).filter(([name]) => !shared.includes(name))),
    ]);
    assert.deepEqual(said, [
      ['recalled', { ref }],
      ['edited', { ref, texts: ['new'] }],
      ['reaction', { ref, reaction: '+1' }],
      ['reaction', { ref, reaction: '' }],
      ['message', { texts: [], type: 'com.example.card', body: Uint8Array.of(1, 2), n: 0 }],
      ['message', { texts: ['a reply'], type: '', ref, n: 0 }],
    ]);
  });

  it('holds back what is behind it, and moves the cursor when it is processed', async () => {
    const { shown, kept, resumed, deliver, cursorOf, finish } = createInbound({}, true);
    resumed([{ group: '', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('', content(1, { type: 'recall', ref }), entry(2));
    assert.deepEqual([shown, cursorOf('')?.seq], [['recalled'], 0]);
    await finish();
    assert.deepEqual([shown, cursorOf('')?.seq, kept], [['recalled', 'm2'], 1, ['1 1']]);
  });

  it('whose body cannot be read is passed over', () => {
    const { events, resumed, deliver, cursorOf } = createInbound();
    resumed([{ group: '17', answer: CONTINUE, from: 1, to: 0, id: '-' }]);
    deliver('17', content(1, { type: 'member', body: Uint8Array.of(7) }));
    deliver('17', Object.assign(entry(2), { content: Uint8Array.of(7) }));
    assert.deepEqual([events, cursorOf('17')?.seq], [[], 2]);
  });
});
