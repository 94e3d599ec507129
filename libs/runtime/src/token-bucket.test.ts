import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket, TokenBuckets } from './token-bucket.ts';

const RATE = { tokens: 2, intervalMs: 1_000, burst: 10 };

test('a bucket gives its burst at once, and then its rate', () => {
  const bucket = new TokenBucket(RATE);
  let now = 5_000;
  for (let i = 0; i < 10; i++) assert.equal(bucket.take(1, now), 0);
  assert.equal(bucket.take(1, now), 500);
  assert.equal(bucket.take(2, now), 1_000);
  now += 500;
  assert.equal(bucket.take(1, now), 0);
  assert.equal(bucket.take(1, now), 500);
  now += 60_000;
  for (let i = 0; i < 10; i++) assert.equal(bucket.take(1, now), 0);
  assert.equal(bucket.take(1, now), 500);
});

test('a bucket without a rate gives all', () => {
  const bucket = new TokenBucket(undefined);
  for (let i = 0; i < 1_000; i++) assert.equal(bucket.take(1_000, 0), 0);
});

test('a million addresses are forgotten but for the newest, and each has a bucket of its own', () => {
  const buckets = new TokenBuckets(RATE, () => 1_000, 1_000);
  for (let i = 0; i < 1_000_000; i++) assert.equal(buckets.take(`2001:db8:${i >> 16}:${i & 0xffff}::/64`), 0);
  assert.equal(buckets.size, 1_000);
});
