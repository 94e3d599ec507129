import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  defaultLimits,
  LIMITS,
  type LimitName,
  limitEnv,
  limitSettings,
  limitsOf,
  readConfig,
} from './index.ts';

const read = (env: Record<string, string>) => readConfig('test', limitSettings, [], env);

test('a limit is given as a rate with what may come at once, or is off', () => {
  const answer = read({
    CIM_LIMIT_LOGIN: '20/5m,7',
    CIM_LIMIT_FAILED_LOGIN_OF_USER: '3/1h',
    CIM_LIMIT_SEND: 'off',
    CIM_LIMIT_CONNECTIONS: '17',
    CIM_LIMIT_HASHES: 'off',
  });
  assert.ok(answer.kind === 'values');
  const limits = limitsOf(answer.values);
  assert.deepEqual(limits.login, { tokens: 20, intervalMs: 300_000, burst: 7 });
  assert.deepEqual(limits.failedLoginOfUser, { tokens: 3, intervalMs: 3_600_000, burst: 3 });
  assert.deepEqual([limits.send, limits.connections, limits.hashes], [undefined, 17, Infinity]);
  assert.deepEqual(limits.register, defaultLimits.register);
});

test('what is no limit is refused with one line that says what is', () => {
  for (const [env, value] of [
    ['CIM_LIMIT_LOGIN', '20'],
    ['CIM_LIMIT_LOGIN', '0/1s'],
    ['CIM_LIMIT_LOGIN', '1/0s'],
    ['CIM_LIMIT_LOGIN', '1/1s,0'],
    ['CIM_LIMIT_LOGIN', '1/1d'],
    ['CIM_LIMIT_LOGIN', '-1/1s'],
    ['CIM_LIMIT_CONNECTIONS', '0'],
    ['CIM_LIMIT_CONNECTIONS', '5/1s'],
  ] as const) {
    const answer = read({ [env]: value });
    assert.ok(answer.kind === 'problems' && /must be a/.test(answer.problems[0] ?? ''), value);
  }
});

test('docs/operations.md has every limit with its setting, default and meaning, and no other', () => {
  const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(CIM_LIMIT_[A-Z_]+)` \| `([^`]+)` \| (.+?) \| (.+?) \| (.+?) \|$/gm)];
  assert.deepEqual(
    rows.map(([, ...cells]) => cells),
    (Object.keys(LIMITS) as LimitName[]).map((name) => {
      const { fallback, by, what, where } = LIMITS[name];
      return [limitEnv(name), fallback, by, what, where];
    }),
  );
});
