import assert from 'node:assert/strict';
import { it } from 'node:test';
import { webSocketUrl } from './web-socket.ts';

it('a WebSocket goes to the URL that the server has told, or to its port, with TLS where the page or the server has it', () => {
  const at = { host: '10.0.0.1', port: 11211 };
  assert.equal(webSocketUrl(at, 'http:'), 'ws://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl(at, 'https:'), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, host: '::1' }, 'http:'), 'ws://[::1]:11211/cim');
  assert.equal(
    webSocketUrl({ ...at, url: 'wss://chat.example.com/cim' }, 'http:'),
    'wss://chat.example.com/cim',
  );
  assert.equal(webSocketUrl({ ...at, url: 'tls://10.0.0.1:11211' }, 'http:'), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, tls: true }, 'http:'), 'wss://10.0.0.1:11211/cim');
  assert.equal(webSocketUrl({ ...at, url: 'tcp://10.0.0.1:11211' }, 'http:'), 'ws://10.0.0.1:11211/cim');
});
