import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Epoch, InstanceId, UserId } from '@cim/protocol';
import { makeTicket, openTicket } from './ticket.ts';

const given = {
  userId: 1001 as UserId,
  epoch: 7 as Epoch,
  instance: 'AAAA-BBBB_CCCC00' as InstanceId,
};

test('a ticket opens to its fields, with the same secret only', () => {
  const ticket = makeTicket('secret', given);
  assert.deepEqual(openTicket('secret', ticket), given);
  assert.equal(openTicket('Secret', ticket), undefined);
  assert.equal(openTicket('', ticket), undefined);
  assert.match(ticket, /^[\w.-]+$/);
});

test('the largest ids pass', () => {
  const large = {
    ...given,
    userId: Number.MAX_SAFE_INTEGER as UserId,
    epoch: Number.MAX_SAFE_INTEGER as Epoch,
  };
  assert.deepEqual(openTicket('secret', makeTicket('secret', large)), large);
});

test('a ticket that differs in any one character does not open', () => {
  const ticket = makeTicket('secret', given);
  for (let at = 0; at < ticket.length; at++)
    for (const other of ['0', '9', 'A', '.']) {
      if (ticket[at] === other) continue;
      assert.equal(openTicket('secret', ticket.slice(0, at) + other + ticket.slice(at + 1)), undefined);
    }
});

test('no part of a ticket can be cut off, added or moved into another', () => {
  const ticket = makeTicket('secret', given);
  for (let length = 0; length < ticket.length; length++)
    assert.equal(openTicket('secret', ticket.slice(0, length)), undefined);
  for (const wrong of [`${ticket}.`, `${ticket}x`, `.${ticket}`, ` ${ticket}`, `${ticket}\n`])
    assert.equal(openTicket('secret', wrong), undefined);
});

test('no other text opens as a ticket, and none throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 400 })),
      (text) => {
        assert.equal(openTicket('secret', text), undefined);
      },
    ),
  );
  assert.equal(openTicket('secret', 'x'.repeat(10_000_000)), undefined);
});
