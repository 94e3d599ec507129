import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserId } from '@cim/protocol';
import { defaultLimits } from '@cim/runtime';
import { SendLimits } from './send-limits.ts';

const rate = (burst: number) => ({ tokens: 1, intervalMs: 1_000, burst });
const bob = 2 as UserId;

test('each limit of sends refuses by its own name, with the time to wait', () => {
  for (const [limit, to, bytes] of [
    ['send', bob, 10],
    ['bytes', bob, 60],
    ['groupSend', undefined, 10],
    ['sendTo', bob, 10],
  ] as const) {
    const limits = new SendLimits({ ...defaultLimits, [limit]: rate(limit === 'bytes' ? 100 : 1) });
    assert.equal(limits.take(to, bytes, 5_000), 0);
    const afterMs = limits.take(to, bytes, 5_000);
    assert.equal(afterMs, limit === 'bytes' ? 20_000 : 1_000);
    assert.match(limits.text(afterMs), new RegExp(`limit ${limit}\\).* in ${afterMs} ms`));
    assert.equal(limits.limited, 1);
    assert.equal(limits.take(to, bytes, 5_000 + afterMs), 0);
    assert.equal(limits.limited, 0);
  }
});

test('a thousand recipients are not remembered', () => {
  const limits = new SendLimits({ ...defaultLimits, sendTo: rate(1) });
  for (let to = 1; to <= 1_000; to++) assert.equal(limits.take(to as UserId, 1, 5_000), 0);
});
