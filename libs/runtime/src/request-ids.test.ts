import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { requestIds } from './request-ids.ts';

test('a request keeps the id that a trusted proxy gave it; any other request gets a new id', () => {
  const idOf = requestIds((address) => address === '10.0.0.1');
  const id = (remoteAddress: string, given?: string | string[]): string =>
    idOf({ headers: { 'x-request-id': given }, socket: { remoteAddress } } as unknown as IncomingMessage);
  assert.equal(id('10.0.0.1', 'abc-1.2_3'), 'abc-1.2_3');
  const made = [
    id('10.0.0.2', 'abc'),
    id('10.0.0.1'),
    id('10.0.0.1', 'two words'),
    id('10.0.0.1', 'line\nbreak'),
    id('10.0.0.1', 'x'.repeat(65)),
  ];
  for (const one of made) assert.match(one, /^[A-Za-z0-9_-]{8,}\.[0-9a-z]+$/);
  assert.equal(new Set(made).size, made.length);
});
