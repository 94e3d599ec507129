import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Backoff, type Logger, silentLogger } from '@cim/runtime';
import { until, ZooKeeperProcess } from '@cim/testkit';
import { type ACL, CreateMode } from 'node-zookeeper-client';
import { RawClient } from '../test/raw-client.ts';
import { recordingLogger } from '../test/recording-logger.ts';
import { member, namesOf } from './membership.contract.ts';
import { type Membership, memberName } from './membership.ts';
import { zooKeeperAccess } from './zookeeper-access.ts';
import { openZooKeeperMembership, type ZooKeeperMembershipOptions } from './zookeeper-membership.ts';

/** Methods that the library has and its types leave out. */
const shown = (acl: readonly ACL[]): unknown[] =>
  (acl as unknown as { permission: number; id: { scheme: string; id: string } }[]).map(
    ({ permission, id }) => [permission, id.scheme, id.id],
  );
const NONE = { zkAuth: '', zkAcl: '' };
const SESSION_TIMEOUT_MS = 2000;
const alice = member('10.0.0.1', 'alice');
const bob = member('10.0.0.2', 'bob');
const cims = '10.9.0.1:11211:8081';

let server: ZooKeeperProcess;
let paths = 0;
const ended: (() => unknown)[] = [];
before(async () => {
  server = await ZooKeeperProcess.start();
});
afterEach(() => Promise.all(ended.splice(0).map((end) => end())));
after(() => server[Symbol.asyncDispose]());

/** Makes a path that no other test uses. */
const newPath = (): string => `test-${++paths}`;

async function started(
  path: string,
  options: Partial<ZooKeeperMembershipOptions> = {},
  logger: Logger = silentLogger(),
): Promise<Membership> {
  const membership = openZooKeeperMembership({
    servers: `${server.address}/${path}`,
    logger,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    ...options,
  });
  ended.push(() => membership.stop());
  await membership.start();
  return membership;
}

/** A ZooKeeper client without a credential. */
async function stranger(): Promise<RawClient> {
  const raw = await RawClient.connect(server.port, SESSION_TIMEOUT_MS, new Backoff(50, 500));
  ended.push(() => raw[Symbol.dispose]());
  return raw;
}

const plant = (raw: RawClient, path: string, data = ''): Promise<string> =>
  raw.do((client, done) => client.create(path, Buffer.from(data), CreateMode.EPHEMERAL, done));
const read = (raw: RawClient, path: string): Promise<Buffer> =>
  raw.do((client, done) => client.getData(path, done));
const remove = (raw: RawClient, path: string): Promise<void> =>
  raw.do((client, done) => client.remove(path, (error) => done(error, undefined)));

describe('what is set about access to ZooKeeper', () => {
  test('without anything: no credential, nodes open to everybody', () => {
    const { credential, acl } = zooKeeperAccess(NONE);
    assert.equal(credential, undefined);
    assert.deepEqual(shown(acl), [[31, 'world', 'anyone']]);
  });

  test('a credential makes nodes its own; an ACL names others by scheme, id and permissions', () => {
    const given = (zkAcl: string) => shown(zooKeeperAccess({ ...NONE, zkAuth: 'cim:a:b', zkAcl }).acl);
    assert.deepEqual(given(''), [[31, 'auth', '']]);
    assert.deepEqual(given('auth::cdrwa,world:anyone:r, digest:ops:x1/+=:rw,ip:fd00::/8:r'), [
      [31, 'auth', ''],
      [1, 'world', 'anyone'],
      [3, 'digest', 'ops:x1/+='],
      [1, 'ip', 'fd00::/8'],
    ]);
  });

  test('what is wrong is told in one line that does not show the credential', () => {
    for (const zkAuth of ['secret', ':secret', 'secret:'])
      assert.throws(
        () => zooKeeperAccess({ ...NONE, zkAuth }),
        (error: Error) => /^CIM_ZK_AUTH must be user:password$/.test(error.message),
      );
    for (const zkAcl of ['world:anyone', 'world:anyone:x', 'everybody:anyone:r', 'world:anyone:r,', ','])
      assert.throws(() => zooKeeperAccess({ ...NONE, zkAcl }), /^Error: CIM_ZK_ACL holds "[^\n]*$/);
    assert.throws(() => zooKeeperAccess({ ...NONE, zkAcl: 'auth::r' }), /set CIM_ZK_AUTH too/);
  });
});

describe('members with a credential', () => {
  const ours = zooKeeperAccess({ ...NONE, zkAuth: 'cim:ours' });

  test('see each other, and nobody else can read or change their nodes', async () => {
    const path = newPath();
    const [a, b] = [await started(path, { access: ours }), await started(path, { access: ours })];
    await a.announce(alice);
    await b.announce(bob);
    await until('both list both', () => a.members().length === 2 && b.members().length === 2);
    const raw = await stranger();
    const node = `/${path}/cim/${memberName(alice)}`;
    await assert.rejects(read(raw, node), /NO_AUTH/);
    await assert.rejects(remove(raw, node), /NO_AUTH/);
    await assert.rejects(plant(raw, `/${path}/cim/${cims}`), /NO_AUTH/);
    const renewed = member(alice.host, 'renewed');
    await a.announce(renewed);
    await until('a new instance is listed', () => b.members()[0]?.instance === renewed.instance);
  });

  test('let others read, and change nothing, when the ACL says so', async () => {
    const path = newPath();
    const access = zooKeeperAccess({ ...NONE, zkAuth: 'cim:ours', zkAcl: 'auth::cdrwa,world:anyone:r' });
    const a = await started(path, { access });
    await a.announce(alice);
    const raw = await stranger();
    const node = `/${path}/cim/${memberName(alice)}`;
    assert.match((await read(raw, node)).toString(), /alice/);
    await assert.rejects(remove(raw, node), /NO_AUTH/);
    const watcher = await started(path);
    assert.deepEqual(watcher.members(), [alice], 'one of ours without a credential reads it too');
  });

  test('are told in one line that their credential is not the one of the path', async () => {
    const path = newPath();
    await (await started(path, { access: ours })).announce(alice);
    const { logger, count } = recordingLogger();
    const access = zooKeeperAccess({ ...NONE, zkAuth: 'cim:other' });
    const other = await started(path, { access }, logger);
    assert.equal(other.connected, true);
    assert.deepEqual(other.members(), []);
    assert.match(String(other.problem), /^ZooKeeper denies access to \/test-\d+\/cim: CIM_ZK_AUTH [^\n]*$/);
    await other.withdraw();
    assert.equal(count('membership.refused'), 1);
  });

  test('are listed again with their rights after their session has expired', async () => {
    const path = newPath();
    const [a, b] = [await started(path, { access: ours }), await started(path, { access: ours })];
    await a.announce(alice);
    await until('it is listed', () => b.members().length === 1);
    server.hang();
    await until('both notice', () => !a.connected && !b.connected);
    const since = performance.now();
    await until('the session is over', () => performance.now() - since > SESSION_TIMEOUT_MS * 1.5);
    server.resume();
    await until('both are connected', () => a.connected && b.connected);
    const fresh = await started(path, { access: ours });
    await until('it is listed', () => fresh.members().length === 1);
    await assert.rejects(read(await stranger(), `/${path}/cim/${memberName(alice)}`), /NO_AUTH/);
  });
});

describe('a node that this process may not read', () => {
  test('is listed as not ours, with one warning, and hides no other', async () => {
    const path = newPath();
    const { logger, count } = recordingLogger();
    const watcher = await started(path, {}, logger);
    const open = await started(path);
    await open.announce(alice);
    const locked = await started(path, {
      access: zooKeeperAccess({ ...NONE, zkAuth: 'somebody:else' }),
    });
    await locked.announce(bob);
    await until('both are listed', () => watcher.members().length === 2);
    assert.deepEqual(watcher.members(), [
      alice,
      { host: bob.host, tcpPort: bob.tcpPort, httpPort: bob.httpPort },
    ]);
    await locked.withdraw();
    await until('it is gone', () => namesOf(watcher).join() === memberName(alice));
    assert.equal(count('membership.unreadable-node'), 1);
  });
});

describe("a path where CIM's own servers are listed", () => {
  test('is not joined: announce says why in one line, and nothing is listed', async () => {
    const path = newPath();
    const membership = await started(path);
    await plant(await stranger(), `/${path}/cim/${cims}`);
    await until('it is listed', () => membership.members().length === 1);
    await assert.rejects(
      membership.announce(alice),
      /^Error: \/test-\d+\/cim in ZooKeeper lists servers [^\n]*10\.9\.0\.1:11211:8081[^\n]*CIM_ZK_SHARE_WITH_CIM=true[^\n]*$/,
    );
    assert.deepEqual(namesOf(membership), [cims]);
    const watcher = await started(path);
    assert.deepEqual(namesOf(watcher), [cims]);
  });

  test('is joined when that is wanted by name', async () => {
    const path = newPath();
    const membership = await started(path, { shareWithCim: true });
    await plant(await stranger(), `/${path}/cim/${cims}`);
    await membership.announce(alice);
    assert.deepEqual(namesOf(membership), [memberName(alice), cims]);
  });

  test('is joined at the address where a server of CIM was before', async () => {
    const path = newPath();
    const membership = await started(path);
    await plant(await stranger(), `/${path}/cim/${memberName(alice)}`);
    await membership.announce(alice);
    assert.deepEqual(membership.members(), [alice]);
  });

  test('is not left by a server that was there first, nor when that is given a new instance', async () => {
    const path = newPath();
    const membership = await started(path);
    await membership.announce(alice);
    await plant(await stranger(), `/${path}/cim/${cims}`);
    await until('both are listed', () => membership.members().length === 2);
    const renewed = member(alice.host, 'renewed');
    await membership.announce(renewed);
    assert.equal(membership.members()[0]?.instance, renewed.instance);
  });
});

test('a server that starts without ZooKeeper finds servers of CIM later: it says so, is not listed, and joins when they have gone', async () => {
  await using late = await ZooKeeperProcess.start();
  const first = await RawClient.connect(late.port, SESSION_TIMEOUT_MS, new Backoff(50, 500));
  for (const path of ['/cim', `/cim/${cims}`])
    await first.do((client, done) => client.create(path, Buffer.from(''), done));
  first[Symbol.dispose]();
  await late.kill();
  const { logger, count } = recordingLogger();
  const membership = openZooKeeperMembership({
    servers: late.address,
    logger,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  });
  ended.push(() => membership.stop());
  await Promise.all([membership.start(), membership.announce(alice)]);
  await late.start();
  await until('it says so', () => count('membership.refused') === 1);
  assert.deepEqual(namesOf(membership), [cims]);
  assert.match(String(membership.problem), /CIM_ZK_SHARE_WITH_CIM=true/);
  const raw = await RawClient.connect(late.port, SESSION_TIMEOUT_MS, new Backoff(50, 500));
  await remove(raw, `/cim/${cims}`);
  raw[Symbol.dispose]();
  await until('it is listed', () => namesOf(membership).join() === memberName(alice));
  assert.equal(membership.problem, undefined);
  assert.equal(count('membership.refused'), 1);
});
