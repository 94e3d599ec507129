import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError } from '@cim/protocol';
import { codeNameOf, Comeback } from './comeback.ts';
import type { LinkEnd } from './link.ts';

const end = (reason: LinkEnd['reason']): LinkEnd => ({ reason, text: 'no', reconnect: false, afterMs: 0 });

test('a login that the im-server refuses is worth another for 35 s, however often', () => {
  let now = 1_000;
  const comeback = new Comeback(() => now);
  for (; now <= 36_000; now += 1_000) assert.equal(comeback.beforeReady(end('unauthorized')).reconnect, true);
  assert.equal(comeback.beforeReady(end('unauthorized')).reconnect, false);
});

test('so is one that the route refuses as a second one', () => {
  let now = 1_000;
  const comeback = new Comeback(() => now);
  const refused = () => comeback.judge(new CimError('repeatLogin'), undefined);
  for (; now <= 36_000; now += 1_000) assert.equal(refused().back, true);
  assert.deepEqual(refused(), {
    back: false,
    reason: 'superseded',
    text: new CimError('repeatLogin').message,
  });
});

test('only refusals in a row count: not those before and after a store that did not answer', () => {
  let now = 0;
  const comeback = new Comeback(() => now);
  const unavailable = new CimError('failure', 'the store does not answer', { retryAfterMs: 0 });
  comeback.beforeReady(end('unauthorized'));
  comeback.judge(new CimError('repeatLogin'), undefined);
  now = 30_000;
  comeback.judge(unavailable, undefined);
  now = 60_000;
  assert.equal(comeback.beforeReady(end('unauthorized')).reconnect, true);
  assert.equal(comeback.judge(new CimError('repeatLogin'), undefined).back, true);
  comeback.beforeReady(end('unavailable'));
  now = 120_000;
  assert.equal(comeback.beforeReady(end('unauthorized')).reconnect, true);
});

test('a certificate that is not trusted, and TLS that meets plain text, end the client after 35 s, whoever has it: route or im-server', () => {
  for (const [reason, code] of [
    ['untrusted', 'untrusted'],
    ['tls-mismatch', 'tlsMismatch'],
  ] as const) {
    let now = 1_000;
    const comeback = new Comeback(() => now);
    const atRoute = () => comeback.judge(new CimError(code, 'no'), undefined);
    for (; now <= 36_000; now += 1_000) {
      assert.equal(comeback.beforeReady(end(reason)).reconnect, true);
      assert.equal(atRoute().back, true);
    }
    assert.equal(comeback.beforeReady(end(reason)).reconnect, false);
    assert.deepEqual(atRoute(), { back: false, reason, text: 'no' });
    comeback.reset();
    assert.equal(atRoute().back, true);
    assert.equal(codeNameOf(reason), code);
  }
});
