import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterKey } from './cluster-key.ts';

test('each use of a cluster secret has a key of its own, the same on every server', () => {
  const uses = ['ticket', 'rpc', 'send-msg'] as const;
  const keys = ['one secret', 'another'].flatMap((secret) => uses.map((use) => clusterKey(secret, use)));
  assert.equal(new Set(keys).size, 6);
  for (const key of keys) assert.match(key, /^[A-Za-z0-9_-]{43}$/);
  // The expected keys come from: openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:'one secret'
  // -kdfopt info:'cim ticket 1' HKDF
  assert.equal(
    Buffer.from(clusterKey('one secret', 'ticket'), 'base64url').toString('hex'),
    '2ad7104227c5d8c678e7f9ac72af891d4f3a67f81ce3850bdd9f6c9214095e8f',
  );
});
