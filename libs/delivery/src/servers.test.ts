import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member, Membership } from '@cim/discovery';
import { cim, type InstanceId, type UserId } from '@cim/protocol';
import type { RpcClient, RpcOutcome } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { type PushOutcome, Servers } from './servers.ts';

const here = 'here' as InstanceId;
const member: Member = {
  host: '127.0.0.1',
  tcpPort: 1,
  httpPort: 1,
  version: '',
  startedAt: 0,
  instance: here,
};

/** Pushes whose calls the test answers. */
function batch() {
  const calls: ((outcome: RpcOutcome) => void)[] = [];
  const rpc = {
    call: (...[, , , , done]: Parameters<RpcClient['call']>) => {
      calls.push(done);
      return true;
    },
  } as unknown as RpcClient;
  const membership = { members: () => [member] } as unknown as Membership;
  return { calls, servers: new Servers(membership, rpc, silentLogger()) };
}

for (const [name, outcome, expected] of [
  ['taken', { ok: true, payload: new Uint8Array() }, ['taken', 'taken']],
  ['gone', { ok: true, payload: cim.DeliverReply.encode({ gone: [2] }).finish() }, ['taken', 'gone']],
  ['failed', { ok: false, kind: 'down', message: 'away' }, ['failed', 'failed']],
] as const satisfies readonly (readonly [PushOutcome, RpcOutcome, readonly PushOutcome[]])[])
  test(`a push that throws when it is written and when it ends does not hold up the others in its call: ${name}`, async () => {
    const { calls, servers } = batch();
    const fault = (): never => {
      throw new Error('a fault of one caller');
    };
    let written = 0;
    const ended: PushOutcome[] = [];
    const good = { written: () => written++, ended: (of: PushOutcome) => ended.push(of) };
    for (const [i, { written: onWritten, ended: onEnded }] of [
      { written: fault, ended: fault },
      good,
      good,
    ].entries())
      servers.push(here, {
        user: i as UserId,
        entry: undefined,
        written: () => void onWritten(),
        ended: (of) => void onEnded(of),
      });
    await Promise.resolve();
    assert.equal(written, 2);
    calls[0]?.(outcome);
    assert.deepEqual(ended, expected);
  });
