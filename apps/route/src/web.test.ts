import assert from 'node:assert/strict';
import { it } from 'node:test';
import { webPolicy } from './web.ts';

it('the page of the web chat may connect only to its own host, to im-servers and to the shared address', () => {
  const connect = (...given: Parameters<typeof webPolicy>): string =>
    /connect-src ([^;]*);/.exec(webPolicy(...given))?.[1] ?? '';
  assert.equal(connect('127.0.0.1:8083', '', []), "'self' ws://127.0.0.1:* wss://127.0.0.1:*");
  assert.equal(
    connect('chat.example.com', 'wss://im.example.com/cim', [{ host: '10.0.0.1' }, { host: '10.0.0.1' }]),
    "'self' ws://chat.example.com:* wss://chat.example.com:* ws://10.0.0.1:* wss://10.0.0.1:* wss://im.example.com",
  );
  assert.equal(connect('[::1]:8083', 'tcp://a:1', [{ host: '::1' }]), "'self' ws://[::1]:* wss://[::1]:*");
  // A name with characters that mean something in a policy is left out.
  assert.equal(connect("x; script-src 'unsafe-inline'", '', []), "'self'");
});
