import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMove, decodeStanding, encodeMove, encodeStanding, type MoveRequest } from './moving.ts';

test('questions to an im-server and its answers survive encoding and decoding', () => {
  const asked: MoveRequest[] = [
    { act: 'ask', keep: 0, thenExit: false },
    { act: 'drain', rate: 7, keep: 0, thenExit: true },
    { act: 'rebalance', keep: 12, thenExit: false },
    { act: 'end', keep: 0, thenExit: false },
  ];
  for (const request of asked) assert.deepEqual(decodeMove(encodeMove(request)), request);
  for (const moving of [undefined, 'drain', 'rebalance'] as const) {
    const counts = { own: 1, cim: 2, left: 3, moved: 4, rate: 5, thenExit: true, waits: 'for a server' };
    assert.deepEqual(decodeStanding(encodeStanding({ moving, ...counts })), { moving, ...counts });
  }
});
