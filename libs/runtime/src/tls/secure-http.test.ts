import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { TestAuthority, type TlsFilesOnDisk, until, writeTlsFiles } from '@cim/testkit';
import { createMetrics, type SecureHttp, secureHttp, silentLogger, TlsFiles } from '../index.ts';

const authority = new TestAuthority();
const trust = { ca: authority.cert };

let dir: string;
let onDisk: TlsFilesOnDisk;
let files: TlsFiles;
let server: Server;
let front: SecureHttp;
let warnings: object[];
let port: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cim-http-'));
  onDisk = writeTlsFiles(dir, authority);
  warnings = [];
});

afterEach(() => {
  files.stop();
  server.close();
  server.closeAllConnections();
  front.closeArrivals();
  rmSync(dir, { recursive: true, force: true });
});

async function listen(
  options: { insecure?: boolean; asks?: boolean; handshakeMs?: number } = {},
): Promise<void> {
  const { insecure = false, asks = false, handshakeMs = 60_000 } = options;
  const logger = silentLogger();
  logger.warn = (fields: object) => void warnings.push(fields);
  const paths = { tlsCert: onDisk.env.CIM_TLS_CERT, tlsKey: onDisk.env.CIM_TLS_KEY };
  const parts = { logger, metrics: createMetrics({}), pollMs: 20 };
  const opened = TlsFiles.open({ ...paths, tlsCa: onDisk.env.CIM_TLS_CA, insecure }, parts);
  assert.ok(opened);
  files = opened;
  server = createServer((asked, response) => {
    const { authorized } = asked.socket as TLSSocket;
    let body = '';
    asked.on('data', (chunk: Buffer) => (body += chunk.toString()));
    asked.on('end', () => response.end(`${String(authorized)} ${body}`));
  });
  front = secureHttp(server, files, { logger, asksForCertificate: asks, handshakeMs });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
}

async function ask(ways: typeof request, options: object = {}): Promise<{ status: number; text: string }> {
  const asked = ways({ host: '127.0.0.1', port, method: 'POST', agent: false, ...options });
  asked.end('a body');
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode ?? 0, text };
}

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the socket has ended for any reason. */
const closed = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => void socket.resume().once('close', resolve));

const connections = (): Promise<number> =>
  new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));

describe('an HTTP server behind TLS', () => {
  test('answers TLS, and tells a plain client what to do', async () => {
    await listen();
    assert.deepEqual(await ask(secureRequest, trust), { status: 200, text: 'false a body' });
    const refused = await ask(request);
    assert.deepEqual(refused, { status: 400, text: 'this port speaks TLS: use https://\n' });
    assert.deepEqual(warnings, [{ why: 'plain connection', times: 1 }]);
  });

  test('answers plain requests too where that is said', async () => {
    await listen({ insecure: true });
    assert.equal((await ask(secureRequest, trust)).text, 'false a body');
    assert.equal((await ask(request)).text, 'undefined a body');
    const slow = await open();
    for (const byte of 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') slow.write(byte);
    const [chunk] = (await once(slow, 'data')) as [Buffer];
    assert.match(chunk.toString(), /^HTTP\/1\.1 200/);
  });

  test('a client that says nothing, or stops within its handshake, is cut off', async () => {
    await listen({ handshakeMs: 100 });
    const [silent, half, rubbish] = [await open(), await open(), await open()];
    half.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    rubbish.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 10]), Buffer.alloc(40, 9)]));
    await Promise.all([silent, half, rubbish].map(closed));
    await until('none is open', async () => (await connections()) === 0);
  });

  test('a client that leaves within its handshake, or does not like the certificate, is gone at once', async () => {
    await listen();
    const half = await open();
    half.end(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    const picky = connectTls({ port, host: '127.0.0.1', ca: new TestAuthority().cert });
    picky.on('error', () => undefined);
    await Promise.all([half, picky].map(closed));
    await until('none is open', async () => (await connections()) === 0);
  });

  test('arrivals can be cut off, and connections that are served go on', async () => {
    await listen();
    const served = connectTls({ port, host: '127.0.0.1', ...trust });
    served.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(served, 'data');
    const [silent, half] = [await open(), await open()];
    half.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    await until('all are there', async () => (await connections()) === 3);
    front.closeArrivals();
    await Promise.all([silent, half].map(closed));
    served.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(served, 'data');
    served.destroy();
  });

  test('shows a new certificate to new connections', async () => {
    await listen();
    const next = authority.issue({ names: ['127.0.0.1', 'new.example'] });
    onDisk.replace(next);
    await until('the new one is shown', async () => {
      const client = connectTls({ port, host: '127.0.0.1', ...trust });
      await once(client, 'secureConnect');
      const { subjectaltname = '' } = client.getPeerCertificate();
      client.destroy();
      return subjectaltname.includes('new.example');
    });
  });

  test('knows a certificate of its authority from a strange one and from none, a session that is resumed too', async () => {
    await listen({ asks: true });
    const [own, strange] = [authority.issue(), new TestAuthority().issue()];
    assert.equal((await ask(secureRequest, { ...trust, ...own })).text, 'true a body');
    assert.equal((await ask(secureRequest, { ...trust, ...strange })).text, 'false a body');
    assert.equal((await ask(secureRequest, trust)).text, 'false a body');
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const sessions: Buffer[] = [];
      const say = async (session?: Buffer): Promise<string> => {
        const client = connectTls({
          port,
          host: '127.0.0.1',
          ...trust,
          maxVersion,
          ...(session && { session }),
        });
        client.on('session', (given: Buffer) => sessions.push(given));
        client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        let text = '';
        for await (const chunk of client) text += String(chunk);
        return text.split('\r\n\r\n')[1] ?? '';
      };
      assert.match(await say(), /false/);
      for (const session of [...sessions]) assert.match(await say(session), /false/);
    }
  });
});
