import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { guardedLookup, InsideError, isInside, loggedHost, outcallUrlProblem } from './target.ts';

test('isInside distinguishes addresses inside a network from those outside', () => {
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1'],
    ...[
      '172.31.255.255',
      '192.0.0.1',
      '192.168.0.1',
      '198.18.0.1',
      '224.0.0.1',
      '239.1.1.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fdff::1',
      'ff02::1',
      '64:ff9b::a00:1',
      '2002:a00:1::',
    ],
    ...[
      '::ffff:10.0.0.1',
      '::ffff:7f00:1',
      '::ffff:8.8.8.8',
      '2001::1',
      '2001:db8::1',
      'fec0::1',
      '',
      'name',
    ],
  ])
    assert.ok(isInside(address), address);
  for (const address of ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'])
    assert.ok(!isInside(address), address);
});

test('a URL that leads inside the network is refused, however its address is written', () => {
  for (const url of [
    ...[
      'https://127.0.0.1/',
      'https://2130706433/',
      'https://0x7f.1/',
      'https://017700000001/',
      'https://127.1/',
    ],
    ...[
      'https://[::1]/',
      'https://[::ffff:127.0.0.1]/',
      'https://[::ffff:8.8.8.8]/',
      'https://169.254.169.254/',
    ],
    ...['https://[fe80::1]/', 'https://0/', 'https://10.0.0.8:8443/'],
  ])
    assert.match(outcallUrlProblem(url, []) ?? '', /inside the network/, url);
});

test('a URL must be complete, use TLS and have no password', () => {
  assert.equal(outcallUrlProblem('https://example.com/hook?a=1', []), undefined);
  assert.match(outcallUrlProblem('http://example.com/', []) ?? '', /https:\/\//);
  assert.match(outcallUrlProblem('https://me:secret@example.com/', []) ?? '', /password/);
  assert.match(outcallUrlProblem('https://example.com/#a', []) ?? '', /#/);
  for (const wrong of ['', 'example.com', 'ftp://example.com/', 'file:///etc/passwd', 'https://'])
    assert.match(outcallUrlProblem(wrong, []) ?? '', /must be a URL/, wrong);
});

test('a host that is allowed by name may be inside the network and without TLS', () => {
  assert.equal(outcallUrlProblem('http://127.0.0.1:9/', ['127.0.0.1']), undefined);
  assert.equal(outcallUrlProblem('http://[::1]:9/', ['::1']), undefined);
  assert.equal(outcallUrlProblem('http://CRM.internal/', ['crm.internal']), undefined);
  assert.match(outcallUrlProblem('http://crm.internal.evil.com/', ['crm.internal']) ?? '', /https/);
});

test('nothing of a URL is logged except its host and port', () => {
  assert.equal(loggedHost('https://me:secret@example.com:8443/services/T0/key?token=a'), 'example.com:8443');
  assert.equal(loggedHost('https//example.com/key'), 'no URL');
});

const lookupOf = (addresses: readonly LookupAddress[], allowed: readonly string[], all: boolean) =>
  new Promise<unknown>((resolve) => {
    const find = (_name: string, options: { all?: boolean }, done: (...found: unknown[]) => void): void => {
      assert.equal(options.all, true);
      done(null, addresses);
    };
    const lookup = guardedLookup(allowed, find as never);
    lookup('hook.example', { all }, (error, ...found) => resolve(error ?? found));
  });
const PUBLIC = { address: '8.8.8.8', family: 4 };
const INSIDE = { address: '10.0.0.1', family: 4 };

test('a name is refused when one of its addresses is inside the network', async () => {
  assert.deepEqual(await lookupOf([PUBLIC], [], true), [[PUBLIC]]);
  assert.deepEqual(await lookupOf([PUBLIC, INSIDE], ['hook.example'], true), [[PUBLIC, INSIDE]]);
  assert.deepEqual(await lookupOf([PUBLIC, INSIDE], ['hook.example'], false), ['8.8.8.8', 4]);
  for (const all of [true, false])
    for (const addresses of [[INSIDE], [PUBLIC, INSIDE]])
      assert.ok((await lookupOf(addresses, ['other.example'], all)) instanceof InsideError);
  assert.match(String(await lookupOf([], [], true)), /no address/);
});
