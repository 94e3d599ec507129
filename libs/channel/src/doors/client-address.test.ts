import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forwardedFor } from './client-address.ts';

const isTrusted = (address: string): boolean => address.startsWith('10.');

test('the client is who the last trusted proxy was asked by; what a stranger writes counts nothing', () => {
  const cases: [from: string, header: string | undefined, client: string][] = [
    ['10.0.0.1', '192.0.2.1', '192.0.2.1'],
    // Two proxies: a client with an address of its own in the header asked the outer one.
    ['10.0.0.1', '198.51.100.7, 192.0.2.1, 10.0.0.2', '192.0.2.1'],
    ['10.0.0.1', ' 2001:db8::1 ', '2001:db8::1'],
    // A stranger's header counts for nothing.
    ['192.0.2.9', '198.51.100.7', '192.0.2.9'],
    ['192.0.2.9', undefined, '192.0.2.9'],
    // A trusted proxy that names no client, or no valid address.
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', '192.0.2.1, _hidden, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '192.0.2.1:1234', '10.0.0.1'],
    // A client inside the trusted network.
    ['10.0.0.1', '10.0.0.9', '10.0.0.9'],
  ];
  for (const [from, header, client] of cases)
    assert.equal(forwardedFor(from, header, isTrusted), client, `${from} ${header ?? '-'}`);
});
