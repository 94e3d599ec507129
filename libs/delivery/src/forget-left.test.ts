import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import type { Member, Membership } from '@cim/discovery';
import type { InstanceId } from '@cim/protocol';
import { RPC, RpcClient, RpcServer } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { forgetLeft } from './forget-left.ts';

/** A list of members that the test changes. */
class Listed implements Pick<Membership, 'members' | 'onChange'> {
  #members: readonly Member[] = [];
  readonly #listeners = new Set<() => void>();

  members(): readonly Member[] {
    return this.#members;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  become(...members: Member[]): void {
    this.#members = members;
    for (const listener of this.#listeners) listener();
  }
}

test('the connection to a server that left ends; one renamed, and the others, keep theirs', async (t) => {
  const logger = silentLogger();
  const wheel = new TimingWheel();
  wheel.start();
  const parts = { secret: 's', flusher: new TurnFlusher(), wheel, logger };
  const server = async (): Promise<{ member: Member; connections: () => Promise<number> }> => {
    const http = createServer();
    const rpc = new RpcServer({
      ...parts,
      address: () => ({ host: '127.0.0.1', httpPort: (http.address() as AddressInfo).port }),
      handlers: new Map(),
    });
    rpc.attach(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    t.after(async () => {
      await rpc.stop();
      http.close();
    });
    const httpPort = (http.address() as AddressInfo).port;
    return {
      member: {
        host: '127.0.0.1',
        tcpPort: httpPort + 1,
        httpPort,
        instance: `instance-${httpPort}` as InstanceId,
      },
      connections: () =>
        new Promise((resolve, reject) => {
          http.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
        }),
    };
  };
  const rpc = new RpcClient(parts);
  t.after(() => {
    wheel.stop();
    return rpc.stop();
  });
  const ping = (member: Member) =>
    new Promise<boolean>((resolve) => {
      rpc.call(member, RPC.ping, new Uint8Array(), 2_000, ({ ok }) => resolve(ok));
    });
  const [stays, leaves] = [await server(), await server()];
  const listed = new Listed();
  listed.become(stays.member, leaves.member);
  const stop = forgetLeft(listed as unknown as Membership, rpc);
  assert.deepEqual([await ping(stays.member), await ping(leaves.member)], [true, true]);

  listed.become({ ...stays.member, instance: 'a-new-life-of-it' as InstanceId });
  await until('its connection has ended', async () => (await leaves.connections()) === 0);
  assert.equal(await stays.connections(), 1);

  listed.become(stays.member, leaves.member);
  assert.equal(await ping(leaves.member), true, 'one that comes back is called again');
  stop();
  listed.become();
  assert.equal(await leaves.connections(), 1);
});
