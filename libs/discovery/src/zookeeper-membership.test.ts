import { after, before } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { ZooKeeperProcess } from '@cim/testkit';
import { membershipContract } from './membership.contract.ts';
import { openZooKeeperMembership } from './zookeeper-membership.ts';

let server: ZooKeeperProcess;
before(async () => {
  server = await ZooKeeperProcess.start();
});
after(() => server[Symbol.asyncDispose]());

membershipContract('ZooKeeper', () =>
  openZooKeeperMembership({ servers: server.address, logger: silentLogger(), sessionTimeoutMs: 2000 }),
);
