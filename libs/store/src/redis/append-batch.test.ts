import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inboxOf, type ProducerId, type UserId } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { Duplicates } from '../duplicates.ts';
import { LogScans } from '../log-scans.ts';
import type { Append } from '../streams.ts';
import { AppendBatch } from './append-batch.ts';
import { Script } from './script.ts';

const item = (user: number): Append => ({
  stream: inboxOf(user as UserId),
  sender: { userId: 9 as UserId, userName: 'n' },
  producer: 'P'.repeat(16) as ProducerId,
  counter: 1,
  digest: 'd',
  content: new Uint8Array(1),
});

test('a caller that throws does not hold up the others, and the batch ends', async () => {
  const commit = { run: () => Promise.resolve('1\nok 1 \nok 1 '), waits: false, acrossShards: true };
  const duplicates = new Duplicates(new LogScans({ read: () => Promise.resolve([]) }), silentLogger());
  const batch = new AppendBatch(commit, new Script('return 1'), duplicates, () => undefined, silentLogger());
  const answered: string[] = [];
  batch.add(item(1), () => {
    throw new Error('a fault of one caller');
  });
  batch.add(item(2), (answer) => answered.push(answer.outcome));
  await batch.idle();
  assert.deepEqual(answered, ['ok']);
});
