/** One user on three devices, in a cluster of real processes under the policy `devices`: each shows each message once, of both sides. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

interface Device {
  readonly client: CimClient;
  readonly id: number;
  readonly shown: string[];
  readonly told: string[];
}

const MESSAGES = 40;
let cluster: Cluster;
const devices: Device[] = [];

before(async () => {
  cluster = await Cluster.start({ routes: 1, imServers: 2, env: { CIM_SESSION_POLICY: 'devices' } });
});
after(async () => {
  await Promise.all(devices.map(({ client }) => client.close()));
  await cluster[Symbol.asyncDispose]();
});

async function logIn(userName: string, label: string): Promise<Device> {
  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  const client = new CimClient({ routeUrl, userName, label, state: memoryState() });
  const shown: string[] = [];
  const told: string[] = [];
  client.on('message', ({ texts }) => shown.push(...texts));
  client.on('device', (device) => told.push(device.label));
  await client.connect();
  const device = { client, id: client.user?.userId ?? 0, shown, told };
  devices.push(device);
  return device;
}

/** Sends one after the other; answers what was stored. */
async function say(by: Device, to: Device, name: string): Promise<string[]> {
  const stored: string[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const { outcome } = await by.client.send({ user: to.id }, [`${name}${i}`]);
    if (outcome === 'stored') stored.push(`${name}${i}`);
  }
  return stored;
}

test('each device shows each message once and in order, also what another device sent, though an im-server is killed', {
  timeout: 170_000,
}, async () => {
  const alice: Device[] = [];
  for (const label of ['phone', 'desk', 'tablet']) alice.push(await logIn('alice', label));
  const bob = await logIn('bob', 'bob');
  const [phone, desk, tablet] = alice;
  assert.ok(phone && desk && tablet);
  await until('the devices learn of each other', () => phone.told.length === 2 && desk.told.length === 1);
  assert.deepEqual([phone.told, desk.told, tablet.told], [['desk', 'tablet'], ['tablet'], []]);

  const flow = Promise.all([say(phone, bob, 'phone'), say(desk, bob, 'desk'), say(bob, tablet, 'bob')]);
  await until('messages flow', () => tablet.shown.length >= 10, 45_000);
  const killed = cluster.imServers.find(({ tcpPort }) => tablet.client.server.endsWith(`:${tcpPort}`));
  assert.ok(killed);
  await killed.end('SIGKILL');
  const [byPhone, byDesk, byBob] = await flow;
  assert.deepEqual([byPhone.length, byDesk.length, byBob.length], [MESSAGES, MESSAGES, MESSAGES]);
  const expected: [Device, string[][]][] = [
    [phone, [byDesk, byBob]],
    [desk, [byPhone, byBob]],
    [tablet, [byPhone, byDesk, byBob]],
    [bob, [byPhone, byDesk]],
  ];
  for (const [{ shown }, runs] of expected) {
    await until('all have come', () => shown.length >= runs.length * MESSAGES, 90_000);
    for (const run of runs)
      assert.deepEqual(
        shown.filter((text) => run.includes(text)),
        run,
      );
    assert.equal(shown.length, runs.length * MESSAGES);
  }
});
