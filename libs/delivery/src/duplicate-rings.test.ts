import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Membership, openEmbeddedMembership } from '@cim/discovery';
import { type Epoch, type InstanceId, inboxOf, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import type { Append, AppendAnswer, Store } from '@cim/store';
import { Dispatcher } from './dispatcher.ts';
import type { Doorbell } from './doorbell.ts';

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
  const dispatcher = new Dispatcher({ store, membership, rpc: {} as RpcClient, logger: silentLogger() });
  const doorbell: Pick<Doorbell, 'instance' | 'deliver'> = {
    instance,
    deliver: (user, entry) => {
      rung.push(entry === undefined ? user : 'with its entry');
      return 'taken';
    },
  };
  dispatcher.serve(doorbell as Doorbell);
  const [alice, bob] = [1_001 as UserId, 1_002 as UserId];
  const receipt = await new Promise((resolve) =>
    dispatcher.send(
      {
        sender: { userId: alice, userName: 'alice' },
        stream: inboxOf(bob),
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
