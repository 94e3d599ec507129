import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@cim/runtime';
import { auditTo } from './audit.ts';

test('an act of an operator is in the log at every level, and secrets in it are not', () => {
  const lines: string[] = [];
  const logger = createLogger('silent', { program: 'route' }, { write: (line) => void lines.push(line) });
  logger.warn('not written');
  const act = { actor: 'admin-token', act: 'user.kick', from: '127.0.0.1', outcome: 'done' } as const;
  auditTo(logger)({ ...act, target: 'user 1001, Bearer abcdefghijkl' });
  assert.equal(lines.length, 1);
  const { level, time, ...line } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.ok(typeof level === 'number' && typeof time === 'number');
  assert.deepEqual(line, { program: 'route', ...act, target: 'user 1001, Bearer ***', msg: 'admin.act' });
});
