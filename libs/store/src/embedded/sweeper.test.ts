import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  groupStream,
  LOBBY,
  type MessageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { ends } from '../../test/stored.ts';
import { streamsOf } from '../../test/embedded-streams.ts';
import type { Append, AppendAnswer } from '../streams.ts';
import { RETENTION } from '../streams.ts';
import { entriesFrom, expiriesBefore, keyedKey } from './keys.ts';
import { Ledger } from './ledger.ts';
import { Sweeper } from './sweeper.ts';

const lobby = groupStream(LOBBY);
const sender: NamedUser = { userId: 1_001 as UserId, userName: 'alice' };
const ALL = Number.MAX_SAFE_INTEGER;

test('data that may be forgotten is removed from the disk, also in unused streams; all else stays', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-sweeper-'));
  const ledger = await Ledger.open(dir, silentLogger());
  t.after(async () => {
    await ledger.close();
    await rm(dir, { recursive: true, force: true });
  });
  let ms = 1_800_000_000_000;
  const now = (): number => ms;
  const streams = streamsOf(ledger, now, RETENTION);
  const sweeper = new Sweeper(ledger, silentLogger(), now, RETENTION);
  const count = async (range: { gte: string; lt: string }): Promise<number> =>
    (await ledger.rows(range, 4_000, 2 ** 24)).length;
  const append = (item: Partial<Append> & { counter: number; producer: ProducerId }): Promise<AppendAnswer> =>
    new Promise((done) =>
      streams.append(
        { stream: lobby, sender, digest: 'd'.repeat(22), content: Buffer.from('text'), ...item },
        done,
      ),
    );
  const keyed = (n: number): ProducerId => `the-key-of-a-send-${String(n)}` as ProducerId;
  const producer = 'the-producer-of-tests' as ProducerId;

  await append({ counter: 1, producer, about: 'a:message:1' as MessageId });
  await Promise.all(
    Array.from({ length: 2_500 }, (_, n) => append({ counter: 0, producer: keyed(n), rememberMs: 1_000 })),
  );
  await append({ counter: 0, producer: keyed(9_999), rememberMs: RETENTION.keptMs * 2 });
  assert.equal(await count(expiriesBefore(ALL)), 2_501);
  ms += 1_001;
  // The key is used again, so its first expiry is not its end.
  await append({ counter: 0, producer: keyed(7), rememberMs: 60_000 });
  await sweeper.sweep();
  assert.equal(await count(expiriesBefore(ALL)), 2);
  assert.equal(ledger.committed(keyedKey(lobby, sender.userId, keyed(8))), undefined);
  assert.ok(ledger.committed(keyedKey(lobby, sender.userId, keyed(7))));
  assert.equal(await count(entriesFrom(lobby, 1 as Seq)), 2_503);

  ms += RETENTION.keptMs;
  // The sweeper visits the streams in slices, and trims a stream in steps.
  for (let round = 0; round < 10; round++) await sweeper.sweep();
  assert.equal(await count(entriesFrom(lobby, 1 as Seq)), 0);
  assert.deepEqual(ends(await streams.position(lobby)), {
    first: 2_504,
    top: 2_503,
    topId: `1001:${keyed(7)}:0`,
  });
  assert.deepEqual(await ledger.rows({ gte: 'v:', lt: 'v;' }, 1, 1_000), []);
  assert.ok(ledger.committed(keyedKey(lobby, sender.userId, keyed(9_999))));
  const answer = await append({ counter: 2, producer });
  assert.deepEqual(answer.outcome === 'ok' && [answer.seq, answer.prev], [2_504, `1001:${keyed(7)}:0`]);

  await sweeper.stop();
});
