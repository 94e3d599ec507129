import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  cim,
  type GroupId,
  groupStream,
  type InstanceId,
  type MessageId,
  type Seq,
  inboxOf,
  LOBBY,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Cursor, Streams, UserDevice } from '@cim/store';
import { Stored } from '../../test/stored.ts';
import { resumeAt } from './resume.ts';

const { CONTINUE, RESET } = cim.ResumeAnswer;
let stored: Stored;
let reader: UserDevice;

const cursor = (seq: number, id: string) => ({ seq: seq as Seq, id: id as MessageId });

describe('resume', () => {
  before(async () => {
    stored = await Stored.open();
    reader = { userId: stored.user, device: CIM_DEVICE };
  });
  after(() => stored[Symbol.asyncDispose]());

  test('an inbox without a cursor begins with its first entry, the lobby at its end, a group at the join', async () => {
    const lobby = groupStream(LOBBY);
    const group = groupStream('17' as GroupId);
    await stored.append(stored.inbox, ['a', 'b']);
    await stored.append(lobby, ['a', 'b']);
    const entries = await stored.append(group, ['a', 'b', 'c']);
    const { streams } = stored.store;
    assert.equal((await resumeAt(streams, reader, stored.inbox, undefined)).next, 1);
    assert.equal((await resumeAt(streams, reader, lobby, undefined)).next, 3);
    const joined = 2 as Seq;
    const nothing = 0 as Seq;
    const of = (at: Cursor | undefined) => resumeAt(streams, reader, group, at, nothing, joined);
    const before = entries[1]?.prev ?? '';
    for (const at of [undefined, cursor(0, '-')]) {
      const found = await of(at);
      assert.deepEqual([found.answer, found.next, found.to, found.id], [CONTINUE, 2, 1, before]);
      assert.equal(found.last, before);
    }
    // A later cursor counts. A cursor that the log does not confirm brings nothing from before the join.
    assert.equal((await of(cursor(2, entries[2]?.prev ?? ''))).next, 3);
    const lost = await of(cursor(3, '7:other:1'));
    assert.deepEqual([lost.answer, lost.next, lost.from], [RESET, 2, 2]);
  });

  test('a cursor that the log confirms goes on after it, at the top and in the middle', async () => {
    const group = groupStream('confirms' as GroupId);
    const entries = await stored.append(group, ['a', 'b', 'c']);
    const { streams } = stored.store;
    for (const seq of [1, 2]) {
      const at = await resumeAt(streams, reader, group, cursor(seq, entries[seq]?.prev ?? ''));
      assert.deepEqual([at.answer, at.next], [CONTINUE, seq + 1]);
    }
    const { topId } = await streams.position(group);
    const top = await resumeAt(streams, reader, group, cursor(3, topId));
    assert.deepEqual([top.answer, top.next], [CONTINUE, 4]);
  });

  test('a cursor that the log does not confirm is answered RESET and goes on at the oldest entry that is kept', async () => {
    const group = groupStream('denies' as GroupId);
    await stored.append(group, ['a', 'b']);
    const { streams } = stored.store;
    for (const wrong of [
      cursor(1, '7:other:1'),
      cursor(2, '7:other:1'),
      cursor(9, '7:other:1'),
      cursor(2, ''),
    ]) {
      const at = await resumeAt(streams, reader, group, wrong);
      assert.deepEqual([at.answer, at.next, at.from, at.to], [RESET, 1, 1, 2]);
    }
  });

  test('a client whose cursor the log does not confirm does not get again what it had long ago', async () => {
    const group = groupStream('goes-back' as GroupId);
    const texts = Array.from({ length: 4_100 }, (_, i) => `${i}`);
    await stored.append(group, texts);
    const at = await resumeAt(stored.store.streams, reader, group, cursor(4_110, '7:other:1'));
    assert.deepEqual([at.answer, at.next, at.from, at.to], [RESET, 2_101, 2_101, 4_100]);
    // The client was moved back already and has not come far since.
    const again = await resumeAt(
      stored.store.streams,
      reader,
      group,
      cursor(2_150, '7:other:1'),
      4_110 as Seq,
    );
    assert.deepEqual([again.answer, again.next], [RESET, 2_101]);
  });

  test('a log that seems shorter is read once more from confirmed data before any client is told', async () => {
    const group = groupStream('deposed' as GroupId);
    await stored.append(group, ['a', 'b', 'c']);
    const real = stored.store.streams;
    const { topId, top } = await real.position(group);
    let asked = 0;
    const deposed: Streams = Object.assign(Object.create(real) as Streams, {
      position: () => Promise.resolve({ first: 1 as Seq, top: 1 as Seq, topId: '7:other:1' as MessageId }),
      cursor: () => Promise.resolve(undefined),
      highestCursor: () => Promise.resolve(undefined),
      peek: (...of: Parameters<Streams['peek']>) => real.peek(...of),
      kept: {
        peek: (...of: Parameters<Streams['peek']>) => real.peek(...of),
        position: (stream: StreamRef) => {
          asked++;
          return real.position(stream);
        },
      },
    });
    const at = await resumeAt(deposed, reader, group, { seq: top, id: topId });
    assert.deepEqual([at.answer, at.next, at.last, asked], [CONTINUE, 4, topId, 1]);
    const wrong = await resumeAt(deposed, reader, group, cursor(3, '7:other:2'));
    assert.deepEqual([wrong.answer, wrong.to, asked], [RESET, 3, 2]);
    const lower = await resumeAt(deposed, reader, group, cursor(1, '7:other:1'));
    assert.deepEqual([lower.answer, asked], [CONTINUE, 2], 'nothing that would be told: nothing is asked');
  });

  test('an inbox that was acked goes on after the ack, also when the presented cursor is wrong', async () => {
    const { streams, sessions } = stored.store;
    const instance = 'resume-instance0' as InstanceId;
    await sessions.openLease(instance);
    const user = { userId: stored.user, userName: 'reader' };
    const issued = await sessions.issue({
      user,
      device: CIM_DEVICE,
      label: '',
      instance,
      policy: 'kick',
      secretHash: '',
    });
    assert.ok(issued.outcome === 'issued');
    await stored.append(stored.inbox, ['c', 'd']);
    const position = await streams.position(stored.inbox);
    const before = await streams.read(stored.inbox, position.top, 1);
    const acked = cursor(position.top - 1, before[0]?.prev ?? '');
    await streams.ack([
      { user: stored.user, device: CIM_DEVICE, epoch: issued.epoch, stream: stored.inbox, cursor: acked },
    ]);
    assert.equal((await resumeAt(streams, reader, stored.inbox, undefined)).next, position.top);
    const wrong = await resumeAt(streams, reader, stored.inbox, cursor(1, '7:other:1'));
    assert.deepEqual([wrong.answer, wrong.next], [RESET, position.top]);
  });

  test('names the entry it goes on after, so that the feed notices when the log has changed by then', async () => {
    const group = groupStream('names-last' as GroupId);
    const entries = await stored.append(group, ['a', 'b', 'c']);
    const { streams } = stored.store;
    const ids = [...entries.map(({ prev }) => prev), (await streams.position(group)).topId];
    const last = async (of: Cursor | undefined) => (await resumeAt(streams, reader, group, of)).last;
    const lobby = groupStream(LOBBY);
    await stored.append(lobby, ['a']);
    const atEnd = await resumeAt(streams, reader, lobby, undefined);
    assert.equal(atEnd.last, (await streams.position(lobby)).topId);
    assert.equal(await last(cursor(2, ids[2] ?? '')), ids[2]);
    assert.equal(await last(cursor(9, '7:other:1')), '', 'nothing is before the first');
  });
});

describe('a client that was away for long', () => {
  const HOUR = 3_600_000;
  const USER = 5 as UserId;
  const group = groupStream('busy' as GroupId);
  const idAt = (seq: number) => (seq === 0 ? '' : `7:pppppppppppppppp:${seq}`);
  /** A log that keeps the entries `first` to `top`, stored `everyMs` apart. */
  const log = (first: number, top: number, everyMs: number, acked?: Cursor): Streams => {
    const kept = {
      position: () => Promise.resolve({ first, top, topId: idAt(top) }),
      peek: (_: StreamRef, from: number) => {
        const seq = Math.max(from, first);
        return Promise.resolve(seq > top ? undefined : { seq, prev: idAt(seq - 1), storedAt: seq * everyMs });
      },
      cursor: () => Promise.resolve(acked),
      highestCursor: () => Promise.resolve(acked),
    };
    return Object.assign(kept, { kept }) as unknown as Streams;
  };
  const answers = async (streams: Streams, stream: StreamRef, of: Cursor) => {
    const { answer, next, from, to } = await resumeAt(
      streams,
      { userId: USER, device: CIM_DEVICE },
      stream,
      of,
    );
    return [cim.ResumeAnswer[answer], next, from, to];
  };
  const had = (seq: number) => cursor(seq, idAt(seq));
  const lost = (seq: number) => cursor(seq, '7:other:1');

  test('gets the newest 100 entries of a group, whether the first one it missed is kept or not', async () => {
    const skipped = ['SKIPPED', 19_901, 1_001, 19_900];
    assert.deepEqual(await answers(log(1, 20_000, HOUR), group, had(1_000)), skipped);
    assert.deepEqual(await answers(log(10_001, 20_000, HOUR), group, had(1_000)), skipped);
    assert.deepEqual(await answers(log(10_001, 20_000, 1), group, had(1_000)), skipped, 'in a minute');
    assert.deepEqual(await answers(log(1_002, 20_000, 1), group, had(1_000)), skipped, 'one is not kept');
  });

  test('gets everything it missed of a group that keeps all of it, within an hour or 100 entries', async () => {
    const all = (from: number) => ['CONTINUE', from, from, from - 1];
    assert.deepEqual(await answers(log(1_001, 20_000, 1), group, had(1_000)), all(1_001));
    assert.deepEqual(await answers(log(1, 20_000, HOUR), group, had(19_900)), all(19_901));
  });

  test('is told what expired when a group keeps no more than 100, and always of its inbox', async () => {
    assert.deepEqual(await answers(log(19_902, 20_000, HOUR), group, had(1_000)), [
      ...['EXPIRED', 19_902, 1_001, 19_901],
    ]);
    assert.deepEqual(await answers(log(19_901, 20_000, HOUR), group, had(1_000)), [
      ...['SKIPPED', 19_901, 1_001, 19_900],
    ]);
    assert.deepEqual(await answers(log(10_001, 20_000, HOUR), inboxOf(USER), had(1_000)), [
      ...['EXPIRED', 10_001, 1_001, 10_000],
    ]);
  });

  test('gets the newest 100 entries of a group too when the store has lost its position', async () => {
    assert.deepEqual(await answers(log(1, 20_000, HOUR), group, lost(1_000)), [
      ...['RESET', 19_901, 19_901, 20_000],
    ]);
    assert.deepEqual(await answers(log(1, 20_000, HOUR, had(19_950)), group, lost(1_000)), [
      ...['RESET', 19_951, 19_951, 20_000],
    ]);
    assert.deepEqual(await answers(log(1, 20_000, HOUR), group, lost(19_900)), [
      ...['RESET', 17_901, 17_901, 20_000],
    ]);
    assert.deepEqual(await answers(log(1, 20_000, 1), group, lost(15_000)), [
      ...['RESET', 13_001, 13_001, 20_000],
    ]);
  });
});
