import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownHosts } from './known-host.ts';

test('a server on loopback answers to names of its own machine, on any port, and to those that are listed', () => {
  for (const listensOn of ['127.0.0.1', 'localhost', '::1', '127.0.0.5']) {
    const problem = knownHosts(listensOn, ['chat.example', 'proxy.local']);
    for (const host of [
      'localhost',
      'LOCALHOST:8083',
      '127.0.0.1',
      '127.0.0.1:1',
      '[::1]',
      '[::1]:8083',
      '127.9.9.9:80',
      'chat.example',
      'CHAT.example:443',
      'proxy.local:8443',
      undefined,
    ])
      assert.equal(problem(host), undefined, host);
    for (const host of [
      'evil.example',
      'evil.example:8083',
      'localhost.evil.example',
      '127.0.0.1.evil.example:8083',
      '127.0.0.1@evil.example',
      'xchat.example',
      '10.0.0.1',
      '[::2]:1',
      '*',
      '',
    ])
      assert.match(problem(host) ?? '', /^this server is for its own machine[^\n]*CIM_ALLOWED_HOSTS$/, host);
  }
});

test('off loopback, or with *, every name is answered', () => {
  for (const problem of [
    knownHosts('0.0.0.0', []),
    knownHosts('10.1.2.3', ['a']),
    knownHosts('127.0.0.1', ['a', '*']),
  ])
    assert.equal(problem('evil.example'), undefined);
});
