import assert from 'node:assert/strict';
import { it } from 'node:test';
import { webSocketUrl } from './web-socket.ts';

it('a WebSocket goes to the URL that the server has told, or to its port, with TLS where the page or the server has it', () => {
  const http = { protocol: 'http:', hostname: '10.0.0.1' };
  const https = { ...http, protocol: 'https:' };
  const at = { host: '10.0.0.1', port: 11211 };
  assert.equal(webSocketUrl(at, http), 'ws://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl(at, https), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, host: '::1' }, http), 'ws://[::1]:11211/cim');
  assert.equal(
    webSocketUrl({ ...at, url: 'wss://chat.example.com/cim' }, http),
    'wss://chat.example.com/cim',
  );
  assert.equal(webSocketUrl({ ...at, url: 'tls://10.0.0.1:11211' }, http), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, tls: true }, http), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, url: 'tcp://10.0.0.1:11211' }, http), 'ws://10.0.0.1:11211/cim');
});

it('a page of this machine reaches a server of this machine under its own name', () => {
  const page = (hostname: string) => ({ protocol: 'http:', hostname });
  const url = (host: string, hostname: string) => webSocketUrl({ host, port: 1 }, page(hostname));
  assert.equal(url('127.0.0.1', 'localhost'), 'ws://localhost:1/cim');
  assert.equal(url('localhost', '127.0.0.1'), 'ws://127.0.0.1:1/cim');
  assert.equal(url('::1', 'localhost'), 'ws://localhost:1/cim');
  assert.equal(url('127.0.0.1', 'chat.example.com'), 'ws://127.0.0.1:1/cim');
  assert.equal(url('10.0.0.1', 'localhost'), 'ws://10.0.0.1:1/cim');
  assert.equal(url('127.0.0.1.example.com', 'localhost'), 'ws://127.0.0.1.example.com:1/cim');
});
