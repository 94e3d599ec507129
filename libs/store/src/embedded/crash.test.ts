import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Epoch,
  inboxOf,
  type MessageId,
  messageId,
  type ProducerId,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
  type UserName,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { endWithUs, until } from '@cim/testkit';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import type { Store } from '../store.ts';
import { type Entry, isCopy, messageIdOf } from '../streams.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const WRITER = fileURLToPath(new URL('../../test/embedded-writer.ts', import.meta.url));

type Said =
  | {
      readonly stream: StreamRef;
      readonly producer: ProducerId;
      readonly counter: number;
      readonly seq: Seq;
      readonly copy?: Seq;
    }
  | { readonly registered: UserId; readonly name: UserName }
  | { readonly epoch: Epoch };

/** Runs the writer, kills it after it has printed `lines` lines, and answers all its lines. */
async function killedAfter(
  lines: number,
  dir: string,
  life: string,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<Said[]> {
  const path = join(dir, `said-${life}`);
  const file = await open(path, 'w');
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, dir, life], {
    stdio: ['ignore', file.fd, 'inherit'],
  });
  endWithUs(child);
  const exited = once(child, 'exit');
  await file.close();
  const said = async (): Promise<string[]> => (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  await until(
    `${String(lines)} answers`,
    async () => child.exitCode !== null || (await said()).length >= lines,
  );
  await meanwhile();
  child.kill('SIGKILL');
  await exited;
  assert.equal(child.signalCode, 'SIGKILL', 'the writer wrote until it was killed');
  return (await said()).map((line) => JSON.parse(line) as Said);
}

async function readAll(store: Store, stream: StreamRef): Promise<Entry[]> {
  const all: Entry[] = [];
  for (;;) {
    const some = await store.streams.read(stream, (all.length + 1) as Seq, 1_000);
    if (some.length === 0) return all;
    all.push(...some);
  }
}

test('a process that is killed while it writes loses nothing that was answered, time after time', async (t) => {
  const folder = await openEmbeddedForTest(t);
  const said: Said[] = [];
  for (const life of ['first', 'second', 'third']) {
    await folder.store.stop();
    said.push(...(await killedAfter(1_500, folder.dir, life)));
    const store = await folder.reopen();
    const logs = new Map<string, Entry[]>();
    /** Key: seq in the writer's inbox. Value: id of the message. */
    const copies = new Map<Seq, MessageId | undefined>();
    let epoch = 0;
    for (const one of said) {
      if ('epoch' in one) epoch = Math.max(epoch, one.epoch);
      else if ('registered' in one)
        assert.equal((await store.accounts.byName(one.name))?.userId, one.registered);
      else {
        const log = logs.get(streamName(one.stream)) ?? (await readAll(store, one.stream));
        logs.set(streamName(one.stream), log);
        const entry = log[one.seq - 1];
        assert.deepEqual([entry?.producer, entry?.counter, entry?.seq], [one.producer, one.counter, one.seq]);
        if (one.copy !== undefined) copies.set(one.copy, entry && messageIdOf(entry));
      }
    }
    const writer = await store.accounts.byName('writer');
    const reader = await store.accounts.byName('reader');
    assert.ok(writer && reader);
    const own = await readAll(store, inboxOf(writer.userId));
    for (const [seq, id] of copies) assert.equal(own[seq - 1] && messageIdOf(own[seq - 1] as Entry), id);
    // Either both sides of a message are on disk, or neither is.
    const received = await readAll(store, inboxOf(reader.userId));
    assert.deepEqual(own.filter(isCopy).map(messageIdOf), received.map(messageIdOf));
    assert.ok(received.length > 0);
    assert.ok(
      ((await store.sessions.find(writer.userId))[0]?.epoch ?? 0) >= epoch,
      'an epoch that was answered is taken',
    );
    for (const log of logs.values()) {
      let prev = '';
      for (const [i, entry] of log.entries()) {
        assert.equal(entry.seq, i + 1);
        assert.equal(entry.prev, prev);
        prev = messageId(entry.sender.userId, entry.producer, entry.counter);
      }
    }
    assert.equal(logs.size, 3);
  }
});

test('a folder that another process has open is refused with one line, and is free when that process is killed', async (t) => {
  const folder = await openEmbeddedForTest(t);
  await folder.store.stop();
  await killedAfter(1, folder.dir, 'holder', async () => {
    await assert.rejects(openEmbeddedStore({ dir: folder.dir, logger: silentLogger() }), (error: Error) => {
      assert.match(
        error.message,
        /is in use by another process; end that one, or set CIM_DATA_DIR to another$/,
      );
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
  await folder.reopen();
});
