/**
 * The contract with an unmodified CIM client, and with a person who follows CIM's quick start: each rule of the
 * conformance runner against one process of ours, and what only holds for a process that the test has started.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type CimAnswer,
  type CimDial,
  cimRequest,
  dialTcp,
  ServerProcess,
  TestAuthority,
  UnmodifiedCimClient,
  writeTlsFiles,
} from '@cim/testkit';
import { overTls, overWebSocket } from './cim-dials.ts';
import { cimFrameRules, cimHttpRules } from './conformance/cim/rules.ts';
import { Dialogue } from './conformance/dialogue.ts';
import { ownRules } from './conformance/own/rules.ts';
import type { Rule } from './conformance/rule.ts';
import { wsRules } from './conformance/ws/rules.ts';

/** A text of messages only; no log may contain it. */
const SECRET = 'a-text-for-nobodys-log';

/** The carrier of frames: `tcp`, or `tls` and `ws` for the rules that touch the transport. */
const wire = process.env['CIM_TEST_WIRE'] ?? 'tcp';
const isTcp = wire === 'tcp';
const authority = new TestAuthority();
const dial = new Map([
  ['tls', overTls(authority.cert)],
  ['ws', overWebSocket],
]).get(wire);

let dir: string;
let server: ServerProcess;
let url: string;
let nobodyOnline: CimAnswer;

before(async () => {
  const builder = new URL('../scripts/build.mjs', import.meta.url).href;
  const { build } = (await import(builder)) as { readonly build: () => Promise<void> };
  await build();
  dir = await mkdtemp(join(tmpdir(), 'cim-contract-'));
  server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: dir,
    CIM_LOG_LEVEL: 'debug',
    // CIM's clients need a port that takes plain text too.
    ...(wire === 'tls' && { ...writeTlsFiles(dir, authority).env, CIM_INSECURE: 'true' }),
  });
  url = server.routeUrl.replace('https:', 'http:');
  nobodyOnline = await cimRequest(url, '/onlineUser');
});

after(async () => {
  await server.end();
  await rm(dir, { recursive: true, force: true });
});

const check = (rule: Rule) =>
  rule.check({ routeUrl: url, dialogue: new Dialogue(), ...(dial !== undefined && { dial }) });

// These rules are checked while the slow ones are, one after the other, since a rule may count users online.
describe(`an unmodified CIM client over ${wire}`, { concurrency: true }, () => {
  describe('rule by rule', { concurrency: false }, () => {
    for (const rule of isTcp ? [...cimHttpRules, ...cimFrameRules] : cimFrameRules)
      if (!rule.slow) test(`${rule.name}: ${rule.says}`, () => check(rule));

    if (!isTcp) return;
    test('/onlineUser is [] when nobody is online', () => assert.deepEqual(nobodyOnline.dataBody, []));

    test('/login answers the ports of the im-server', async () => {
      const client = await UnmodifiedCimClient.register(url, 'ports');
      const { dataBody } = await client.logIn();
      const { tcpPort: cimServerPort, httpPort } = server;
      assert.deepEqual(dataBody, { ip: '127.0.0.1', cimServerPort, httpPort });
      await client.logOut();
    });
  });
  // Timers do not depend on the carrier. A silent WebSocket answers the pings of the im-server by itself, and
  // stays. The rules of our own wire and of WebSockets that wait are checked here, since all wait together.
  if (isTcp)
    describe('that waits', { concurrency: true }, () => {
      for (const rule of [...cimFrameRules, ...ownRules, ...wsRules])
        if (rule.slow) test(`${rule.name}: ${rule.says}`, () => check(rule));

      test('a slow way to the server breaks no rule about a clock of the server', async () => {
        const slowly: CimDial = async (host, port) => {
          const socket = await dialTcp(host, port);
          await new Promise((resolve) => setTimeout(resolve, 2_000));
          return socket;
        };
        const rule = cimFrameRules.find(({ name }) => name === 'cim/login/tcp-login-within-5s');
        assert.ok(rule);
        await rule.check({ routeUrl: url, dialogue: new Dialogue(), dial: slowly });
      });
    });
});

test('after all of this the server lives, complained of nothing, and no text is in its log', async () => {
  const client = await UnmodifiedCimClient.register(url, 'last', { dial });
  await client.connect();
  await client.toUser(client.userId, SECRET);
  assert.equal((await client.channel.next()).text, SECRET);
  assert.equal((await client.channel.ping()).text, 'pong');
  await client.end();
  assert.doesNotMatch(server.log, /"level":(50|60)|"level":"(error|fatal)"/);
  assert.doesNotMatch(server.log + server.output, new RegExp(SECRET));
});

if (isTcp)
  test('overload is 6000 with HTTP 503 and a time to wait, never a success that was none', async () => {
    const data = await mkdtemp(join(tmpdir(), 'cim-overload-'));
    // So few a second that requests come faster on any machine.
    const small = await ServerProcess.start('standalone', { CIM_DATA_DIR: data, CIM_LOGIN_RATE: '3' });
    try {
      const nobody = { userId: 999_999_999, userName: 'x' };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => cimRequest(small.routeUrl, '/login', nobody)),
      );
      const codes = new Set(answers.map(({ code, status }) => `${code} ${status}`));
      assert.deepEqual([...codes].sort(), ['6000 503', '9100 200']);
    } finally {
      await small.end();
      await rm(data, { recursive: true, force: true });
    }
  });
