/** No work of the embedded store holds the event loop for long, however much it has to do at once. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  CIM_DEVICE,
  type Epoch,
  type GroupId,
  groupStream,
  type InstanceId,
  inboxOf,
  type MessageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { HELD_MS, LoopWatch, silentLogger } from '@cim/runtime';
import { streamsOf } from '../../test/embedded-streams.ts';
import { RETENTION } from '../streams.ts';
import { sessionKey, streamKey } from './keys.ts';
import type { DeviceRecord } from './records.ts';
import { Ledger } from './ledger.ts';
import { emptyStream } from './retention.ts';
import { Sweeper } from './sweeper.ts';

const sender: NamedUser = { userId: 1_001 as UserId, userName: 'alice' };

async function openLedger(t: TestContext): Promise<Ledger> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-slices-'));
  const ledger = await Ledger.open(dir, silentLogger());
  t.after(async () => {
    await ledger.close();
    await rm(dir, { recursive: true, force: true });
  });
  return ledger;
}

/** Longest time that the event loop was held during `work` [ms of CPU time]. */
async function heldBy(work: () => Promise<unknown>): Promise<number> {
  const watch = new LoopWatch();
  watch.start();
  await work();
  // Waits, so that the watch sees the last part of the work.
  await new Promise((resolve) => setTimeout(resolve, 30));
  watch.stop();
  return watch.worstMs;
}

test('a sweep of thirty streams with a thousand old entries each', async (t) => {
  const ledger = await openLedger(t);
  let now = 1_800_000_000_000;
  const streams = streamsOf(ledger, () => now, RETENTION);
  const groups = Array.from({ length: 30 }, (_, i) => groupStream(`group-${i}` as GroupId));
  for (const stream of groups)
    await Promise.all(
      Array.from({ length: 1_000 }, (_, k) => {
        const producer = 'P'.repeat(16) as ProducerId;
        const item = { stream, sender, producer, counter: k + 1, digest: 'd', content: Buffer.alloc(60) };
        return new Promise((done) => streams.append(item, done));
      }),
    );
  now += RETENTION.keptMs + 1;
  const sweeper = new Sweeper(ledger, silentLogger(), () => now, RETENTION);
  const heldMs = await heldBy(() => sweeper.sweep());
  for (const stream of groups) assert.equal((await streams.position(stream)).first, 1_001);
  assert.ok(heldMs <= HELD_MS, `${heldMs} ms`);
});

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

test('callbacks of one batch that take long together are called in order, in slices', async (t) => {
  const ledger = await openLedger(t);
  const called: number[] = [];
  const work = (): Promise<void> =>
    new Promise((resolve) => {
      for (let i = 0; i < 40; i++)
        ledger.onCommit(() => {
          called.push(i);
          for (const begun = cpuMs(); cpuMs() - begun < 5; );
          // The next batch ends while callbacks of this one still wait.
          if (i === 0) ledger.onCommit(() => resolve());
        });
    });
  const heldMs = await heldBy(work);
  assert.deepEqual(
    called,
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.ok(heldMs <= HELD_MS, `${heldMs} ms`);
});

test('acks of 15,000 sessions at once', async (t) => {
  const ledger = await openLedger(t);
  const users = Array.from({ length: 15_000 }, (_, i) => (2_000 + i) as UserId);
  for (const user of users) {
    const stream = inboxOf(user);
    const top = { top: 5 as Seq, topId: 'id' as MessageId, bytes: 50 };
    ledger.put(streamKey(stream), { ...emptyStream(stream), ...top });
    const live: DeviceRecord = {
      ...{ userName: 'u', device: CIM_DEVICE, label: '', one: 'user', seenAt: 0, epoch: 1 as Epoch },
      ...{ state: 'live', instance: 'at' as InstanceId, secretHash: '', olderHashes: [] },
      ...{ until: 0, claim: '', previous: [] },
    };
    ledger.put(sessionKey(user), { devices: [live] });
  }
  await ledger.commit();
  const streams = streamsOf(ledger, Date.now, RETENTION);
  const cursor = { seq: 5 as Seq, id: 'id' as MessageId };
  const acks = users.map((user) => ({
    user,
    device: CIM_DEVICE,
    epoch: 1 as Epoch,
    stream: inboxOf(user),
    cursor,
  }));
  const heldMs = await heldBy(() => streams.ack(acks));
  assert.ok(heldMs <= HELD_MS, `${heldMs} ms`);
  for (const user of users) assert.equal((await streams.cursor(user, CIM_DEVICE, inboxOf(user)))?.seq, 5);
});
