import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError } from '@cim/protocol';
import { createLogger } from '@cim/runtime';
import type { FastifyRequest } from 'fastify';
import { type AdminAct, auditTo } from './audit.ts';
import { auditedTo } from './audited.ts';

test('an act of an operator is logged at every level, without its secrets', () => {
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

test('an act is logged as done, as refused when the request was wrong, and as failed when it may work later', async () => {
  const acts: AdminAct[] = [];
  const audited = auditedTo(
    (act) => void acts.push(act),
    () => 'admin-token',
  );
  const request = { clientAddress: '192.0.2.1' } as FastifyRequest;
  assert.equal(await audited(request, 'user.kick', '1001', () => Promise.resolve(7)), 7);
  for (const error of [new CimError('unknownAccount'), new CimError('failure'), new TypeError('x')])
    await assert.rejects(
      audited(request, 'user.kick', '1001', () => Promise.reject(error)),
      error,
    );
  const noted = { actor: 'admin-token', act: 'user.kick', target: '1001', from: '192.0.2.1' };
  assert.deepEqual(
    acts,
    ['done', 'refused', 'failed', 'failed'].map((outcome) => ({ ...noted, outcome })),
  );
});

test('an act has the address of its request, also when the client has left meanwhile; without one nothing is done', async () => {
  const acts: AdminAct[] = [];
  const audited = auditedTo(
    (act) => void acts.push(act),
    () => 'admin-token',
  );
  // Node forgets the address of a connection when it ends.
  const left = { clientAddress: '192.0.2.1', ip: undefined } as unknown as FastifyRequest;
  await audited(left, 'user.kick', '1001', () => Promise.resolve());
  const unknown = { clientAddress: '', ip: undefined } as unknown as FastifyRequest;
  await assert.rejects(
    audited(unknown, 'user.kick', '1001', () => assert.fail('it was done')),
    /the connection has gone/,
  );
  assert.deepEqual(
    acts.map(({ from, outcome }) => [from, outcome]),
    [
      ['192.0.2.1', 'done'],
      ['', 'failed'],
    ],
  );
});
