/** Calls between servers over TLS: what the proofs cover, and whose certificate counts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { createMetrics, silentLogger, TlsFiles } from '@cim/runtime';
import { type CertificatePair, TestAuthority, until, writeTlsFiles } from '@cim/testkit';
import { call, ECHO, Process, said, type TestServer } from '../test/servers.ts';

const dir = mkdtempSync(join(tmpdir(), 'cim-rpc-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const authority = new TestAuthority();
const stranger = new TestAuthority('a strange authority');

let here: Process;
let opened: TlsFiles[];
let names = 0;

beforeEach(() => {
  here = new Process();
  opened = [];
});

afterEach(async () => {
  await here.stop();
  for (const files of opened) files.stop();
});

interface Given {
  readonly pair?: CertificatePair;
  /** CIM_TLS_CA is set. */
  readonly checks?: boolean;
  readonly insecure?: boolean;
}

function tls({ pair = authority.issue(), checks = false, insecure = false }: Given = {}): TlsFiles {
  const own = join(dir, String(++names));
  const { env } = writeTlsFiles(mkdtempSync(own), authority, pair);
  const paths = { tlsCert: env.CIM_TLS_CERT, tlsKey: env.CIM_TLS_KEY, tlsCa: checks ? env.CIM_TLS_CA : '' };
  const files = TlsFiles.open({ ...paths, insecure }, { logger: silentLogger(), metrics: createMetrics({}) });
  assert.ok(files);
  opened.push(files);
  return files;
}

const server = (files?: TlsFiles): Promise<TestServer> => here.server('a secret', 0, files);
const asks = async (files: TlsFiles | undefined, { address }: TestServer): Promise<string> =>
  said(await call(here.client('a secret', {}, files), address, ECHO, 'hello'));

describe('calls over TLS, without CIM_TLS_CA', () => {
  test('any certificates will do, since the proofs cover the keys of the connection', async () => {
    const own = await server(tls({ pair: stranger.issue({ names: ['somewhere.example'], days: [-1, 1] }) }));
    assert.equal(await asks(tls(), own), 'ok: hello');
  });

  test('somebody in between gets no proof that fits, though both sides speak TLS to him and the address is right', async () => {
    const own = await server(tls());
    const listener = createServer(stranger.issue(), (caller) => {
      const on = connect({ port: own.address.httpPort, host: '127.0.0.1', rejectUnauthorized: false });
      for (const [from, to] of [
        [caller, on],
        [on, caller],
      ] as const) {
        from.pipe(to);
        from.on('error', () => to.destroy());
      }
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = { ...own.address, httpPort: (listener.address() as AddressInfo).port };
    own.announce(address);
    assert.equal(
      await asks(tls(), { ...own, address }),
      'down: the cluster secrets differ, or somebody is in between who reads along',
    );
    assert.ok(
      here.lines.some(({ msg, why }) => msg === 'rpc.refused' && String(why).includes('CIM_CLUSTER_SECRET')),
    );
    listener.close();
  });

  test('another secret is refused', async () => {
    const own = await server(tls());
    const client = here.client('another secret', {}, tls());
    assert.match(said(await call(client, own.address, ECHO)), /^down: the cluster secrets differ/);
  });
});

describe('calls over TLS, with CIM_TLS_CA', () => {
  test('both sides show a certificate of the authority, whatever name it is for', async () => {
    const pair = authority.issue({ names: ['somewhere.example'] });
    const own = await server(tls({ checks: true, pair }));
    assert.equal(await asks(tls({ checks: true, pair }), own), 'ok: hello');
  });

  test('a caller with a certificate of a strange authority is refused, one whose certificate has ended too', async () => {
    const own = await server(tls({ checks: true }));
    const ended = tls();
    Object.assign(ended.options, authority.issue({ days: [-3, -1] }));
    for (const files of [tls({ pair: stranger.issue() }), ended])
      assert.equal(await asks(files, own), 'down: it takes no certificate but those of its CIM_TLS_CA');
    assert.ok(
      here.lines.some(
        ({ msg, why }) =>
          msg === 'rpc.refused' && why === 'its certificate is not of an authority in CIM_TLS_CA',
      ),
    );
  });

  test('a server with a certificate of a strange authority is not called, one whose certificate has ended too', async () => {
    const ended = tls();
    Object.assign(ended.options, authority.issue({ days: [-3, -1] }));
    for (const [files, why] of [
      [tls({ pair: stranger.issue() }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
      [ended, /CERT_HAS_EXPIRED/],
    ] as const) {
      const answer = await asks(tls({ checks: true }), await server(files));
      assert.match(answer, /^down: its certificate is not valid for the authorities in CIM_TLS_CA \(/);
      assert.match(answer, why);
    }
  });
});

describe('TLS beside plain text', () => {
  test('each combination works where one side says so, and is explained where not', async () => {
    const [only, also] = [tls(), tls({ insecure: true })];
    const cases: [TlsFiles | undefined, TlsFiles | undefined, string][] = [
      [undefined, also, 'ok: hello'],
      [only, also, 'ok: hello'],
      [also, also, 'ok: hello'],
      [also, only, 'ok: hello'],
      [also, undefined, 'ok: hello'],
      [undefined, only, 'down: it takes TLS only; set CIM_TLS_CERT and CIM_TLS_KEY on this server too'],
      [only, undefined, 'down: it speaks plain text; set CIM_TLS_CERT and CIM_TLS_KEY there too'],
    ];
    for (const [caller, called, answer] of cases)
      assert.equal(await asks(caller, await server(called)), answer);
  });

  test('who can speak TLS does, though plain text is taken', async () => {
    const also = tls({ insecure: true });
    const own = await server(also);
    const seen: boolean[] = [];
    own.http.on('upgrade', (_request, socket: Socket & { encrypted?: boolean }) =>
      seen.push(socket.encrypted ?? false),
    );
    assert.equal(await asks(also, own), 'ok: hello');
    await until('the call is seen', () => seen.length === 1);
    assert.deepEqual(seen, [true]);
  });
});
