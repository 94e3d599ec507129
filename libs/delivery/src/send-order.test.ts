import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inboxOf, type ProducerId, type UserId } from '@cim/protocol';
import { SendOrder } from './send-order.ts';
import type { SendRequest } from './send-request.ts';

const request = (to: number): SendRequest =>
  ({
    actor: { userId: 1 as UserId, userName: 'alice' },
    to: inboxOf(to as UserId),
    producer: 'P'.repeat(16) as ProducerId,
  }) as SendRequest;

test('sends wait for the check of one before them, and for no other stream', () => {
  const order = new SendOrder();
  const done: string[] = [];
  const [bob, carol] = [request(2), request(3)];
  assert.equal(order.mustWait(bob), false);
  order.begin(bob);
  assert.deepEqual(
    [bob, carol].map((one) => order.mustWait(one)),
    [true, false],
  );
  order.pass(bob, () => done.push('second'));
  order.pass(bob, () => {
    done.push('third is checked');
    order.begin(bob);
  });
  order.pass(bob, () => done.push('fourth'));
  order.pass(carol, () => done.push('to carol'));
  assert.deepEqual(done, ['to carol']);
  order.end(bob);
  assert.deepEqual(done, ['to carol', 'second', 'third is checked']);
  order.pass(bob, () => done.push('fifth'));
  order.end(bob);
  assert.deepEqual(done, ['to carol', 'second', 'third is checked', 'fourth', 'fifth']);
  assert.equal(order.mustWait(bob), false);
});
