import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { Message, StreamEvent } from '../events.ts';
import type { SavedState } from '../state.ts';
import { hostTimers } from '../timers.ts';
import type { Database, KeptSend } from './database.ts';
import { openIndexedDatabase } from './indexed-database.ts';
import { openMemoryDatabase } from './memory-database.ts';
import { SharedStorage } from './shared-storage.ts';

const STATE: SavedState = {
  ...{ userId: 7 as UserId, userName: 'ann', device: 'D'.repeat(22), session: 's' },
  ...{ producers: [], stored: {}, cursors: {}, seen: {} },
};
const idOf = (seq: number) => `8:producerproducer:${seq}` as MessageId;
const record = (seq: number) => ({ stream: 'inbox:7', id: idOf(seq), seq: seq as Seq });
const message = (seq: number): StreamEvent => ({
  event: 'message',
  value: {
    ...record(seq),
    texts: [`m${seq}`],
    conversation: seq % 2 === 0 ? 'u8' : 'u9',
  } as unknown as Message,
});
const send = (text: string): Omit<KeptSend, 'ref'> => ({
  ...{ to: 8, group: '', offeredAt: 1, after: 0, producer: '', counter: 0 },
  content: new TextEncoder().encode(text),
});

function storageOf(database: Database, timers = hostTimers) {
  const told = { received: 0, ended: [] as (string | undefined)[], failed: [] as string[] };
  const storage = new SharedStorage({
    ...{ database, timers },
    received: () => told.received++,
    ended: (sends) => told.ended.push(...sends.map(({ outcome }) => outcome?.outcome)),
    failed: (error) => told.failed.push((error as Error).message),
  });
  return { storage, told };
}

const KINDS: Readonly<Record<string, (name: string) => Promise<Database>>> = {
  IndexedDB: openIndexedDatabase,
  memory: () => Promise.resolve(openMemoryDatabase()),
};

for (const [kind, open] of Object.entries(KINDS))
  describe(`what the tabs share, in ${kind}`, () => {
    it('comes back as the state that was saved and what was received since, in order', async () => {
      const database = await open('a');
      const { storage, told } = storageOf(database);
      assert.equal(await storage.load(), undefined);
      await storage.save({ ...STATE, cursors: { 'inbox:7': record(1) } });
      await Promise.all([2, 3].map((seq) => storage.processed(record(seq), message(seq))));
      // An entry that is not shown still moves the cursor.
      await storage.processed(record(4), undefined);
      assert.equal(told.received, 2);
      const loaded = await storageOf(database).storage.load();
      assert.equal(loaded?.cursors['inbox:7']?.seq, 4);
      assert.deepEqual(loaded.seen['inbox:7'], [2, 3, 4].map(idOf));
      const rows = await database.received(0, 10);
      assert.deepEqual(
        rows.map(({ event }) => event?.value.id),
        [idOf(2), idOf(3), undefined],
      );
    });

    it('has an entry in the state that is saved in the same transaction, once', async () => {
      const database = await open('b');
      const { storage } = storageOf(database);
      void storage.save(STATE);
      await storage.processed(record(1), message(1));
      const loaded = await storageOf(database).storage.load();
      assert.deepEqual([loaded?.cursors['inbox:7']?.seq, loaded?.seen['inbox:7']], [1, [idOf(1)]]);
    });

    it('keeps sends in order until they are answered, and the outcome for the tab that waits', async () => {
      const database = await open('c');
      const refs = [await database.addSend(send('one')), await database.addSend(send('two'))];
      const { storage, told } = storageOf(database);
      assert.deepEqual(
        (await storage.sends.open(7 as UserId)).map(({ ref }) => ref),
        refs,
      );
      assert.equal(storage.takenUpTo, refs[1]);
      const [ref = 0] = refs;
      const producer = 'producerproducer' as ProducerId;
      await storage.sends.note({ kind: 'numbered', ref, producer, counter: 1 });
      const again = await storageOf(database).storage.sends.open(7 as UserId);
      assert.deepEqual(
        again.map(({ counter }) => counter),
        [1, 0],
      );
      const outcome = { outcome: 'refused' as const, ref, code: '3000', text: 'no' };
      await storage.sends.note({ kind: 'settled', ref, outcome });
      assert.deepEqual(told.ended, ['refused']);
      assert.deepEqual(
        (await database.sends(0)).map((one) => one.outcome?.outcome),
        ['refused', undefined],
      );
      const left = await storageOf(database).storage.sends.open(7 as UserId);
      assert.deepEqual(
        left.map((one) => one.ref),
        refs.slice(1),
      );
      await database.removeSends([ref]);
      assert.deepEqual(
        (await database.sends(0)).map((one) => one.ref),
        refs.slice(1),
      );
    });

    it('finds the messages of a conversation, page by page', async () => {
      const database = await open('d');
      const { storage } = storageOf(database);
      await Promise.all([1, 2, 3, 4, 5, 6].map((seq) => storage.processed(record(seq), message(seq))));
      const page = await database.messages({ conversation: 'u8', limit: 2 });
      assert.deepEqual(
        page.map(({ seq }) => seq),
        [4, 6],
      );
      const older = await database.messages({ conversation: 'u8', before: page[0]?.at ?? 0 });
      assert.deepEqual(
        older.map(({ seq }) => seq),
        [2],
      );
    });

    it('forgets only what a tab has shown and the state knows of', async () => {
      const database = await open('e');
      const { storage } = storageOf(database);
      await Promise.all([1, 2, 3].map((seq) => storage.processed(record(seq), message(seq))));
      const seqs = async () => (await database.received(0, 10)).map(({ seq }) => seq);
      await database.trim(2);
      assert.deepEqual(await seqs(), [1, 2, 3], 'no tab has shown them');
      await database.markShown(3);
      await database.markShown(1);
      assert.equal(await database.shown(), 3);
      await database.trim(2);
      assert.deepEqual(await seqs(), [1, 2, 3], 'the state does not know of them');
      await storage.save(STATE);
      await database.trim(2);
      assert.deepEqual(await seqs(), [3]);
      assert.equal(await database.newest(), 3);
    });
  });

describe('writing', () => {
  it('goes on with the same changes when a transaction has failed, tells it once, and keeps nothing before', async () => {
    const database = openMemoryDatabase();
    let failing = 2;
    const flaky: Database = {
      ...database,
      write: (changes) => (failing-- > 0 ? Promise.reject(new Error('full')) : database.write(changes)),
    };
    const timers = {
      ...hostTimers,
      after: (_: number, callback: () => void) => hostTimers.after(0, callback),
    };
    const { storage, told } = storageOf(flaky, timers);
    const kept: number[] = [];
    const writes = [1, 2].map((seq) =>
      storage.processed(record(seq), message(seq)).then(() => kept.push(seq)),
    );
    await Promise.resolve();
    assert.deepEqual(kept, []);
    await Promise.all(writes);
    await storage.idle();
    assert.deepEqual(told.failed, ['full']);
    assert.deepEqual(
      (await database.received(0, 10)).map(({ seq }) => seq),
      [1, 2],
    );
  });
});
