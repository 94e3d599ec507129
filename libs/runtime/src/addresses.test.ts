import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressGroup, networks } from './addresses.ts';

test('an IPv4 address is its own group, however it came, and an IPv6 address that of its /64', () => {
  for (const [address, group] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b:1:2::192.0.2.1', '64:ff9b:1:2::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', ''],
  ] as const)
    assert.equal(addressGroup(address), group, address);
});

test('networks hold their addresses and no others', () => {
  const own = networks('127.0.0.0/8, ::1, 2001:db8::/32');
  for (const address of ['127.0.0.1', '127.255.1.2', '::ffff:127.0.0.1', '::1', '2001:db8:5::1'])
    assert.equal(own(address), true, address);
  for (const address of ['128.0.0.1', '::2', '2001:db9::1', '', 'localhost', '::ffff:10.0.0.1'])
    assert.equal(own(address), false, address);
  assert.equal(networks('none')('127.0.0.1'), false);
  // The address of a connection that has already ended.
  assert.equal(own(undefined), false);
});

test('what is no network is refused', () => {
  for (const text of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0/8',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/x',
  ])
    assert.throws(() => networks(text), /must name networks/, text);
});
