import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TestAuthority } from '@cim/testkit';
import { NotReachable, Refused, ScriptApi } from './script-api.ts';

const authority = new TestAuthority();
const folder = mkdtempSync(join(tmpdir(), 'cim-script-api-'));
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, authority.cert);
const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true });
});

/** The address of a server that answers so, and how often it was asked. */
async function answering(answer: (response: ServerResponse) => void, isTls = false) {
  const counted = { url: '', asked: 0 };
  const listener = (_: IncomingMessage, response: ServerResponse): void => {
    counted.asked++;
    answer(response);
  };
  const server = isTls ? createTlsServer(authority.issue(), listener) : createServer(listener);
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  counted.url = `${isTls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return counted;
}

const apiOf = (route: string, tlsCa = ''): ScriptApi =>
  new ScriptApi({
    ...{ route, name: 'alice', password: 'a password of alice', token: '', tlsCa },
    chatState: join(folder, 'none.json'),
  });

test('a redirect is not followed: no password goes to another host', async () => {
  const other = await answering((response) => response.end('{}'));
  const route = await answering((response) => response.writeHead(307, { location: other.url }).end());
  await assert.rejects(apiOf(route.url).ask('GET', '/online'), Refused);
  assert.deepEqual([route.asked, other.asked], [1, 0]);
});

test('the authority of CIM_TLS_CA is trusted, and no other, whatever the environment says', async (t) => {
  const route = await answering((response) => response.end('{"items":[],"secret":"x"}'), true);
  assert.deepEqual((await apiOf(route.url, caFile).ask('GET', '/online'))['items'], []);
  const { asked } = route;
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  await assert.rejects(apiOf(route.url).ask('GET', '/online'), NotReachable);
  assert.equal(route.asked, asked);
});
