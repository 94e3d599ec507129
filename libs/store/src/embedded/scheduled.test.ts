/** Scheduled messages in the embedded store alone: after a folder was mended, and while rows are read. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inboxOf, type ProducerId, type UserId, type UserName } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { SCHEDULE } from '../scheduled.ts';
import { SCHEDULED_COUNT, scheduledContentKey, scheduledKey } from './keys.ts';
import { Ledger } from './ledger.ts';
import { EmbeddedScheduled } from './scheduled.ts';

async function start(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'cim-scheduled-'));
  const ledger = await Ledger.open(dir, silentLogger());
  t.after(async () => {
    await ledger.close();
    await rm(dir, { recursive: true });
  });
  const clock = { now: 1_000_000 };
  const scheduled = new EmbeddedScheduled(
    ledger,
    () => clock.now,
    () => clock.now,
  );
  const add = async (user: number): Promise<ProducerId> => {
    const id = randomBytes(18).toString('base64url') as ProducerId;
    const sender = { userId: user as UserId, userName: 'alice' as UserName };
    const to = inboxOf(1002 as UserId);
    const given = { id, sender, to, content: Buffer.from('hi'), when: { afterMs: 1_000 }, most: 100 };
    assert.equal((await scheduled.add(given)).outcome, 'ok');
    return id;
  };
  return { ledger, clock, scheduled, add };
}

test('after the loss of the count, a content or a record the remaining messages are sent', async (t) => {
  const { ledger, clock, scheduled, add } = await start(t);
  const [whole, empty, unknown] = [await add(1), await add(1), await add(2)];
  assert.equal((await scheduled.count()).waiting, 3);
  ledger.put(SCHEDULED_COUNT, undefined);
  ledger.deleteRow(scheduledContentKey(1 as UserId, empty));
  ledger.put(scheduledKey(2 as UserId), undefined);
  await ledger.commit();

  clock.now += 1_000;
  assert.equal((await scheduled.count()).ready, true);
  assert.deepEqual(
    (await scheduled.claim(10)).map(({ id }) => id),
    [whole],
  );
  await scheduled.sent(1 as UserId, whole);
  assert.deepEqual(await scheduled.count(), {
    waiting: 0,
    due: 0,
    lateMs: 0,
    ready: false,
    nextMs: undefined,
  });
  assert.equal(await scheduled.cancel(2 as UserId, unknown), 'none');
  assert.deepEqual(await scheduled.list(1 as UserId), []);
});

test('a message that is refused while others are being claimed stays listed for its 7 days', async (t) => {
  const { clock, scheduled, add } = await start(t);
  const id = await add(1);
  clock.now += 1_000;
  assert.equal((await scheduled.claim(1)).length, 1);
  const next = await add(1);
  clock.now += 1_000;
  const claiming = scheduled.claim(10);
  const refusing = scheduled.refuse(1 as UserId, id, { code: '9502', text: 'no' });
  assert.deepEqual(
    (await claiming).map((claimed) => claimed.id),
    [next],
  );
  assert.equal(await refusing, true);
  const listed = async () => (await scheduled.list(1 as UserId)).map((message) => message.id);
  assert.deepEqual(await listed(), [id, next]);
  clock.now += SCHEDULE.refusedMs;
  await scheduled.claim(10);
  assert.deepEqual(await listed(), [next]);
});
