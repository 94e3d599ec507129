import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseZooKeeperServers } from './zookeeper-servers.ts';

test('reads servers, default ports, IPv6 and a path', () => {
  assert.deepEqual(parseZooKeeperServers('a:2182, 10.0.0.1,[::1]:1/some/path'), {
    servers: [
      { host: 'a', port: 2182 },
      { host: '10.0.0.1', port: 2181 },
      { host: '::1', port: 1 },
    ],
    chroot: '/some/path',
  });
  assert.equal(parseZooKeeperServers('a/').chroot, '');
});

for (const text of [
  '',
  ',',
  '/path',
  'a:b',
  'a:0',
  'a:65536',
  'a:1:2',
  '::1',
  '[a]:1',
  'http://a:1',
  'a:1/..',
  'a:1//x',
  'a b',
])
  test(`refuses ${JSON.stringify(text)} with one line`, () => {
    assert.throws(
      () => parseZooKeeperServers(text),
      (error: Error) => !error.message.includes('\n') && /ZooKeeper/.test(error.message),
    );
  });
