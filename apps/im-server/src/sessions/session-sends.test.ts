import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendRequest } from '@cim/delivery';
import { cim, type UserId } from '@cim/protocol';
import { defaultLimits } from '@cim/runtime';
import { SendBudget } from './send-budget.ts';
import type { SessionParts } from './session-parts.ts';
import { SessionSends } from './session-sends.ts';

test('a message names its user and does not hold the session: group logs keep messages for longer than sessions live', () => {
  const sent: SendRequest[] = [];
  const parts = {
    sends: { send: (request: SendRequest) => void sent.push(request) },
    ...{ instance: { serving: true }, wheel: { time: 1 }, budget: new SendBudget(), limits: defaultLimits },
  } as unknown as SessionParts;
  const session = { userId: 1001 as UserId, userName: 'alice', channel: 'a big one' };
  const sends = new SessionSends(session as never, parts);
  const send = { to: 1002, producer: 'a'.repeat(16), content: Buffer.of(10, 1, 120) };
  for (const counter of [1, 2]) sends.send(cim.Send.decode(cim.Send.encode({ ...send, counter }).finish()));
  assert.deepEqual(
    sent.map(({ actor }) => actor),
    [1, 2].map(() => ({ userId: 1001, userName: 'alice' })),
  );
});
