import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Joiner, Outbox } from './outbox.ts';

const frame = (text: string): Uint8Array => Buffer.from(text);
const outboxOf = (...frames: Uint8Array[]): Outbox => {
  const outbox = new Outbox();
  for (const one of frames) outbox.push(one);
  return outbox;
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('the same frames are joined once for all outboxes of a turn, others by themselves', () => {
  const joiner = new Joiner();
  const [a, b, c] = [frame('a'), frame('b'), frame('c')] as const;
  const first = outboxOf(a, b).take(joiner);
  assert.equal(text(first), 'ab');
  assert.equal(outboxOf(a, b).take(joiner), first);
  assert.equal(text(outboxOf(a, b, c).take(joiner)), 'abc');
  assert.equal(text(outboxOf(b, a).take(joiner)), 'ba');
  assert.equal(text(outboxOf(a, frame('b')).take(joiner)), 'ab');
  assert.equal(outboxOf(a).take(joiner), a, 'a single frame is no copy');
  joiner.forget();
  const again = outboxOf(a, b).take(joiner);
  assert.notEqual(again, first);
  assert.equal(text(again), 'ab');
});

test('an outbox is empty after it was taken, and taking nothing gives nothing', () => {
  const joiner = new Joiner();
  const outbox = outboxOf(frame('a'), frame('b'));
  assert.equal(outbox.bytes, 2);
  outbox.take(joiner);
  assert.equal(outbox.bytes, 0);
  assert.equal(outbox.take(joiner).length, 0);
  outbox.push(frame('c'));
  assert.equal(text(outbox.take(joiner)), 'c');
});
