import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inboxOf, type MessageId, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { Duplicates } from './duplicates.ts';
import { LogScans } from './log-scans.ts';
import type { Append, AppendAnswer, Entry, Streams } from './streams.ts';

const stream = inboxOf(1 as UserId);
const sender = { userId: 2 as UserId, userName: 'alice' };
const producer = 'producer-of-tests' as ProducerId;
/** Entry `seq` with the counter `seq` and the content `seq`. */
const entry = (seq: number): Entry => ({
  seq: seq as Seq,
  n: 1,
  prev: '' as MessageId,
  storedAt: 1,
  sender,
  producer,
  counter: seq,
  content: Buffer.from(String(seq)),
});

/** A log of the entries `first` to `top`, which answers at most 100 entries per read. */
function log(first: number, top: number) {
  const reads: number[] = [];
  const read: Streams['read'] = (_, from, limit) => {
    reads.push(from);
    const begin = Math.max(from, first);
    const length = Math.max(0, Math.min(limit, 100, top - begin + 1));
    return Promise.resolve(Array.from({ length }, (__, i) => entry(begin + i)));
  };
  return { reads, scans: new LogScans({ read }) };
}

describe('scans of a log', () => {
  test('find the newest entry that matches, from a position down', async () => {
    const { scans } = log(1, 1_000);
    const newest = (upTo: number, of: number, most?: number) =>
      scans.newest(stream, upTo, ({ seq }) => seq % of === 0, most).then((found) => found?.seq);
    assert.equal(await newest(1_000, 7), 994);
    assert.equal(await newest(993, 7), 987);
    assert.equal(await newest(1_000, 900), 900);
    assert.equal(await newest(899, 900), undefined);
    assert.equal(await newest(1_000, 10, 1), 1_000);
    assert.equal(await newest(0, 1), undefined);
  });

  test('end where the log begins, and after as many entries as they may read', async () => {
    const trimmed = log(901, 1_000);
    assert.equal(await trimmed.scans.newest(stream, 1_000, () => false), undefined);
    assert.ok(
      trimmed.reads.every((from) => from > 700),
      String(trimmed.reads),
    );
    const long = log(1, 10_000);
    assert.equal(await long.scans.newest(stream, 10_000, () => false, 512), undefined);
    assert.ok(
      long.reads.every((from) => from > 10_000 - 512),
      String(long.reads),
    );
  });

  test('read four pages at a time; the others wait, and go on when one fails', async () => {
    const open: { resolve: (entries: Entry[]) => void; reject: (cause: Error) => void }[] = [];
    const scans = new LogScans({
      read: () => new Promise((resolve, reject) => open.push({ resolve, reject })),
    });
    const all = Array.from({ length: 7 }, () =>
      scans
        .newest(stream, 1, () => true)
        .then(
          () => 'found',
          () => 'failed',
        ),
    );
    await until('four read', () => open.length === 4);
    open[0]?.reject(new Error('away'));
    open[1]?.resolve([entry(1)]);
    await until('two more read', () => open.length === 6);
    for (const one of open.slice(2)) one.resolve([entry(1)]);
    await until('the last one reads', () => open.length === 7);
    open[6]?.resolve([entry(1)]);
    assert.deepEqual(await Promise.all(all), ['failed', ...Array<string>(6).fill('found')]);
  });
});

describe('short and long scans', () => {
  test('alternate, so that a short one does not wait for the end of long ones', async () => {
    const { scans } = log(1, 10_000);
    const ended: string[] = [];
    const scan = (name: string, upTo: number) =>
      scans.newest(stream, upTo, () => name === 'short').then(() => ended.push(name));
    await Promise.all([...Array.from({ length: 8 }, () => scan('long', 10_000)), scan('short', 10_000)]);
    assert.equal(ended[0], 'short');
  });
});

describe('sends with a counter below the last one', () => {
  const item = (counter: number, content = String(counter)): Append => ({
    stream,
    sender,
    producer,
    counter,
    digest: '',
    content: Buffer.from(content),
  });
  const check = (duplicates: Duplicates, of: Append, last: number) =>
    new Promise<AppendAnswer>((done) =>
      duplicates.check(of, { outcome: 'older', seq: last as Seq, last }, done),
    );

  test('512 of them are answered by one scan, which reads only the range where they are', async () => {
    const { reads, scans } = log(1, 10_000);
    const duplicates = new Duplicates(scans, silentLogger());
    const answers = await Promise.all(
      Array.from({ length: 512 }, (_, i) => check(duplicates, item(9_000 + i), 10_000)),
    );
    assert.deepEqual(
      answers,
      answers.map((_, i) => ({ outcome: 'duplicate', seq: 9_000 + i })),
    );
    assert.ok(reads.length <= 6, `${String(reads.length)} reads`);
    await duplicates.idle();
  });

  test('the scan does not read the entries between two that are far apart', async () => {
    const { reads, scans } = log(1, 10_000);
    const duplicates = new Duplicates(scans, silentLogger());
    const answers = await Promise.all([
      check(duplicates, item(3), 10_000),
      check(duplicates, item(9_999, 'another'), 10_000),
      check(duplicates, item(5_000), 10_000),
    ]);
    assert.deepEqual(
      answers.map((answer) => ('seq' in answer ? answer.seq : answer.outcome)),
      [3, 'conflict', 5_000],
    );
    assert.ok(reads.length <= 9, `${String(reads.length)} reads`);
  });

  test('are answered retry when the log cannot be read; a caller that throws does not hold up the others', async () => {
    let fails = true;
    const { scans } = log(1, 10);
    const failing = new LogScans({
      read: (...of) =>
        fails
          ? Promise.reject(new Error('away'))
          : scans.newest(stream, 10, () => true).then(() => [entry(of[1])]),
    });
    const duplicates = new Duplicates(failing, silentLogger());
    duplicates.check(item(2), { outcome: 'older', seq: 10 as Seq, last: 10 }, () => {
      throw new Error('a fault of one caller');
    });
    assert.equal((await check(duplicates, item(2), 10)).outcome, 'retry');
    fails = false;
    await duplicates.idle();
    assert.deepEqual(await check(duplicates, item(1), 10), { outcome: 'duplicate', seq: 1 });
  });
});
