import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from './api.ts';

test('a question that nobody answers is given up, and an act is not', async (t) => {
  // The time is over at once.
  t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort());
  const given: (AbortSignal | undefined)[] = [];
  t.mock.method(globalThis, 'fetch', (_path: string, { signal }: { readonly signal?: AbortSignal }) => {
    given.push(signal);
    return signal === undefined
      ? Promise.resolve(new Response('{"ended":[]}'))
      : Promise.reject(new Error('aborted'));
  });
  await assert.rejects(ask('GET', '/servers'), { status: 0, message: 'the route does not answer' });
  assert.deepEqual(await ask('POST', '/users/bob/kick', {}), { ended: [] });
  assert.deepEqual(
    given.map((signal) => signal?.aborted),
    [true, undefined],
  );
});

test('an answer that breaks off is none', async (t) => {
  t.mock.method(globalThis, 'fetch', () => {
    const body = new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) });
    return Promise.resolve(new Response(body));
  });
  await assert.rejects(ask('GET', '/servers'), { status: 0, message: 'the route does not answer' });
});
