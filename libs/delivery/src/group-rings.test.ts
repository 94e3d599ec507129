import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import type { Membership } from '@cim/discovery';
import { type GroupId, groupStream, type InstanceId, LOBBY, type StreamRef, streamName } from '@cim/protocol';
import type { RpcClient, RpcOutcome } from '@cim/rpc';
import { RareWarning, silentLogger } from '@cim/runtime';
import { quietDoorbell } from '@cim/testkit';
import { GroupNotes } from './group-notes.ts';
import { GroupRings } from './group-rings.ts';
import { Servers } from './servers.ts';

const GROUP = '17' as GroupId;
const instance = (name: string): InstanceId => name as InstanceId;

/**
 * Rings with three listed im-servers; `here` is the one of this process. Calls to the others are answered as
 * the test says.
 */
function ringing(answers: boolean[]) {
  const rung: string[] = [];
  const noted: string[] = [];
  const observed: string[] = [];
  const members = ['here', 'b', 'c'].map((name) => ({ instance: instance(name), host: name, httpPort: 1 }));
  const call = (
    { host }: { host: string },
    _m: number,
    _p: Uint8Array,
    _t: number,
    done: (o: RpcOutcome) => void,
  ) => {
    rung.push(host);
    setImmediate(() => done({ ok: answers.shift() ?? true } as RpcOutcome));
    return true;
  };
  const servers = new Servers(
    { members: () => members } as unknown as Membership,
    { call } as unknown as RpcClient,
    silentLogger(),
  );
  servers.serve(quietDoorbell(instance('here'), { broadcast: (group) => void rung.push(`here ${group}`) }));
  const notes = {
    add: (at: InstanceId, stream: StreamRef) => void noted.push(`${at} ${streamName(stream)}`),
  };
  const rings = new GroupRings(servers, notes, { groupRung: (outcome) => observed.push(outcome) });
  return { rings, rung, noted, observed };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await turn();
};

test('only im-servers with followers are rung for a group', async () => {
  const { rings, rung, noted, observed } = ringing([]);
  rings.ring(groupStream(GROUP), undefined, [instance('here'), instance('c')]);
  await settled();
  assert.deepEqual([rung, noted, observed], [['here 17', 'c'], [], ['taken', 'taken']]);
});

test('the stream is noted for a follower that does not answer, and for one that is not listed', async () => {
  const { rings, rung, noted, observed } = ringing([false]);
  rings.ring(groupStream(GROUP), undefined, [instance('b'), instance('gone')]);
  await settled();
  assert.deepEqual(
    [rung, noted.sort(), observed],
    [['b'], ['b group:17', 'gone group:17'], ['noted', 'noted']],
  );
});

test('every im-server is rung for the lobby, twice if it does not answer, and nothing is noted', async () => {
  const { rings, rung, noted, observed } = ringing([false, true, false]);
  rings.ring(groupStream(LOBBY), undefined, undefined);
  await settled();
  assert.deepEqual(
    [rung.sort(), noted, observed.sort()],
    [['b', 'b', 'c', 'here lobby'], [], ['missed', 'taken', 'taken']],
  );
});

test('equal notes of a moment are written once, and a store that does not answer is asked again until it takes them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: string[] = [];
  let answers = false;
  const markDirty = (at: InstanceId, stream: StreamRef): Promise<void> => {
    asked.push(`${at} ${streamName(stream)}`);
    return answers ? Promise.resolve() : Promise.reject(new Error('no answer'));
  };
  const notes = new GroupNotes({ markDirty }, new RareWarning(silentLogger(), 'ring.not-noted'));
  const tick = async (ms: number): Promise<void> => {
    t.mock.timers.tick(ms);
    await settled();
  };
  for (let i = 0; i < 10; i++) notes.add(instance('b'), groupStream(GROUP));
  assert.deepEqual(asked, []);
  await tick(50);
  assert.deepEqual(asked, ['b group:17']);
  await tick(499);
  assert.equal(asked.length, 1);
  answers = true;
  await tick(1);
  assert.deepEqual(asked, ['b group:17', 'b group:17']);
  await tick(5_000);
  assert.equal(asked.length, 2);
});
