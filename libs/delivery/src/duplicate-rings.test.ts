import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Membership, openEmbeddedMembership } from '@cim/discovery';
import { type Epoch, type InstanceId, inboxOf, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import type { Append, AppendAnswer, Store } from '@cim/store';
import { quietDoorbell } from '@cim/testkit';
import { createMessaging } from './messaging.ts';

test('a send that was stored before rings the recipient: whoever stored it may have died before the push', async () => {
  const instance = 'here' as InstanceId;
  const rung: (UserId | 'with its entry')[] = [];
  const store = {
    streams: {
      append: (_: Append, done: (answer: AppendAnswer) => void) =>
        setImmediate(done, { outcome: 'duplicate', seq: 5 as Seq }),
    },
    sessions: { locate: () => Promise.resolve({ instance, epoch: 1 as Epoch }) },
  } as unknown as Store;
  const membership: Membership = openEmbeddedMembership();
  const messaging = createMessaging({ store, membership, rpc: {} as RpcClient, logger: silentLogger() });
  messaging.serve(
    quietDoorbell(instance, {
      deliver: (user, entry) => {
        rung.push(entry === undefined ? user : 'with its entry');
        return 'taken';
      },
    }),
  );
  const [alice, bob] = [1_001 as UserId, 1_002 as UserId];
  const receipt = await new Promise((resolve) =>
    messaging.sends.send(
      {
        door: 'tcp',
        actor: { userId: alice, userName: 'alice' },
        to: inboxOf(bob),
        producer: 'P'.repeat(16) as ProducerId,
        counter: 1,
        content: Buffer.from([10, 1, 120]),
      },
      resolve,
    ),
  );
  assert.deepEqual(rung, [bob]);
  assert.equal((receipt as { outcome: string }).outcome, 'stored');
});
