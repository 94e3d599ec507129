/**
 * The questions of operators to an im-server over RPC: to one that answers, one of an older version, and one
 * that is away.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import type { Member, Membership } from '@cim/discovery';
import type { DeviceId, Epoch, GroupId, InstanceId, Seq, UserId } from '@cim/protocol';
import { RPC, RpcClient, RpcServer } from '@cim/rpc';
import { silentLogger, silentObserver } from '@cim/runtime';
import { quietDoorbell } from '@cim/testkit';
import type { PlaceAt, ServerLoad } from './doorbell.ts';
import { doorbellHandlers } from './doorbell-rpc.ts';
import { Locations } from './locations.ts';
import { ServerCalls } from './server-calls.ts';
import { Servers } from './servers.ts';

test('load and places arrive unchanged; an unknown answer names its reason', async (t) => {
  const logger = silentLogger();
  const wheel = new TimingWheel();
  wheel.start();
  const parts = { secret: 's', flusher: new TurnFlusher(), wheel, logger };
  const rpc = new RpcClient(parts);
  t.after(async () => {
    await rpc.stop();
    wheel.stop();
  });
  const serve = async (
    instance: InstanceId,
    handlers: ReturnType<typeof doorbellHandlers>,
  ): Promise<Member> => {
    const http = createServer();
    const server = new RpcServer({
      ...{ ...parts, handlers },
      address: () => ({ host: '127.0.0.1', httpPort: (http.address() as AddressInfo).port }),
    });
    server.attach(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    t.after(async () => {
      await server.stop();
      http.close();
    });
    return { host: '127.0.0.1', tcpPort: 1, httpPort: (http.address() as AddressInfo).port, instance };
  };
  const [there, old, gone] = ['there', 'old', 'gone'] as unknown as [InstanceId, InstanceId, InstanceId];
  const traffic = {
    sends: { stored: 9, refused: 2, retry: 1, gap: 0, 'unknown-producer': 3 },
    ...{ deliveries: 2 ** 40, refusedConnections: 5 },
    ...{ sendDurations: [0, 12, 3], deliveryDurations: [0, 0, 1] },
  };
  const nothing = {
    sends: { stored: 0, refused: 0, retry: 0, gap: 0, 'unknown-producer': 0 },
    ...{ deliveries: 0, refusedConnections: 0, sendDurations: [0], deliveryDurations: [0] },
  };
  let load: ServerLoad = {
    traffic,
    sessions: 7,
    connections: 9,
    serving: true,
    cpu: 1.25,
    loopDelayMs: 12,
    rssBytes: 2 ** 33,
  };
  const at = {
    user: 1001 as UserId,
    device: 'phone-of-a-test-0' as DeviceId,
    epoch: 3 as Epoch,
    address: '::1',
  };
  const answered: PlaceAt[] = [
    { ...at, place: { sent: 12 as Seq, acked: 0 as Seq } },
    { ...at, device: 'cim' as DeviceId, place: undefined },
  ];
  const asked: unknown[] = [];
  const bell = quietDoorbell(there, {
    load: () => load,
    places: (users, group) => {
      asked.push([users, group]);
      return answered;
    },
  });
  const before = new Map([...doorbellHandlers(bell)].filter(([method]) => method < RPC.load));
  const members = [await serve(there, doorbellHandlers(bell)), await serve(old, before)];
  const membership = { members: () => members } as unknown as Membership;
  const sessions = { locate: () => Promise.resolve([]) };
  const calls = new ServerCalls(
    new Servers(membership, rpc, logger),
    new Locations(sessions, logger),
    silentObserver,
    undefined,
  );

  assert.deepEqual(await calls.load(there), { answer: load });
  load = { ...load, traffic: nothing };
  assert.deepEqual(await calls.load(there), { answer: load });
  load = { sessions: 1, connections: 1, serving: true, cpu: 1, loopDelayMs: 1, rssBytes: 1 };
  assert.deepEqual(await calls.load(there), { answer: load });
  assert.deepEqual(await calls.places([1001 as UserId], '17' as GroupId, there), { answer: answered });
  assert.deepEqual(asked, [[[1001], '17']]);
  const older = { unknown: 'the im-server is of an older version, which does not tell' };
  assert.deepEqual([await calls.load(old), await calls.places([], '', old)], [older, older]);
  assert.deepEqual(await calls.load(gone), { unknown: 'the im-server is not listed' });
});
