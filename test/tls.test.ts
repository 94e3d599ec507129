/** TLS from end to end, on real servers with certificates of a private authority: the SDK, the terminal, and what they say when it is wrong. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { CimClient, type NodeClientOptions, tcp } from '@cim/client/node';
import {
  freePorts,
  ServerProcess,
  TestAuthority,
  type TlsFilesOnDisk,
  until,
  writeTlsFiles,
} from '@cim/testkit';

const authority = new TestAuthority();
const tls = { ca: authority.cert };

let folder: string;
let files: TlsFilesOnDisk;
let port: number;
/** The same at each start. */
let env: Record<string, string>;
let server: ServerProcess;
let clients: CimClient[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-tls-test-'));
  files = writeTlsFiles(folder, authority);
  const [route = 0, im = 0] = await freePorts(2);
  port = im;
  env = {
    ...{ CIM_ROUTE_PORT: String(route), CIM_TCP_PORT: String(im), CIM_DATA_DIR: join(folder, 'data') },
    ...files.env,
  };
  server = await ServerProcess.start('standalone', env);
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
});

after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

function make(userName: string, options: Partial<NodeClientOptions> = {}): CimClient {
  const client = new CimClient({ routeUrl: server.routeUrl, userName, tls, ...options });
  clients.push(client);
  return client;
}

const restart = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
  await server.end('SIGKILL');
  server = await ServerProcess.start('standalone', { ...env, ...more });
};

/** The terminal, in a pipe. @param input undefined: it goes on until the program ends by itself */
async function terminal(
  name: string,
  settings: Readonly<Record<string, string>>,
  input?: string,
): Promise<{ code: number | null; output: string; errors: string }> {
  const chat = spawn(
    process.execPath,
    ['dist/cli-client.js', '--name', name, '--state-dir', join(folder, 'chats')],
    { env: { PATH: process.env['PATH'], CIM_ROUTE: server.routeUrl, ...settings } },
  );
  let [output, errors] = ['', ''];
  chat.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  chat.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  if (input !== undefined) chat.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => chat.once('close', resolve));
  return { code, output, errors };
}

describe('with TLS', () => {
  it('programs talk, through the death of a server, over TCP and over WebSockets, each message once', async () => {
    const shared = { CIM_ADVERTISE_URL: `wss://localhost:${port}/cim` };
    for (const [which, more] of [
      ['tcp', {}],
      ['web-socket', shared],
    ] as const) {
      await restart(more);
      assert.match(server.routeUrl, /^https:/);
      const [ann, ben] = [make(`ann-${which}`), make(`ben-${which}`)];
      const shown: string[] = [];
      ben.on('message', ({ texts, group }) => {
        if (group === undefined) shown.push(...texts);
      });
      await ben.connect();
      await ann.connect();
      const sent = Array.from({ length: 300 }, (_, i) => `${which} ${i} ${'x'.repeat(i * 10)}`);
      const answers = sent.slice(0, 200).map((text) => ann.send({ user: ben.user?.userId ?? 0 }, text));
      await restart(more);
      answers.push(...sent.slice(200).map((text) => ann.send({ user: ben.user?.userId ?? 0 }, text)));
      const outcomes = new Set((await Promise.all(answers)).map(({ outcome }) => outcome));
      assert.deepEqual([...outcomes], ['stored']);
      await until('ben has all', () => shown.length >= sent.length, 30_000);
      assert.deepEqual(shown, sent);
    }
  });

  it('the terminal talks, with CIM_TLS_CA or NODE_EXTRA_CA_CERTS, and says what is wrong without', async () => {
    await restart();
    const { CIM_TLS_CA } = files.env;
    for (const [name, trust] of [
      ['tom', { CIM_TLS_CA }],
      ['tim', { NODE_EXTRA_CA_CERTS: CIM_TLS_CA }],
    ] as const) {
      const { code, output, errors } = await terminal(name, trust, 'hello with TLS\n');
      assert.equal(code, 0, errors);
      assert.match(output, /hello with TLS/);
    }
    const untrusted = await terminal('tea', {});
    assert.equal(untrusted.code, 1);
    assert.match(
      untrusted.errors,
      /^chat: the route at https:\S+ shows a certificate of an authority that is not trusted here: name the PEM file .*CIM_TLS_CA.*\n$/,
    );
    const nowhere = await terminal('tea', { CIM_TLS_CA: '/nowhere.pem' });
    assert.equal(nowhere.code, 1);
    assert.equal(nowhere.errors, 'chat: CIM_TLS_CA names /nowhere.pem, which cannot be read (ENOENT)\n');
  });

  it('cim admin asks a route over TLS, and says what is wrong without its authority, or in plain text', async () => {
    const token = 'a-token-of-thirty-two-characters!';
    await restart({ CIM_ADMIN_TOKEN: token });
    const admin = (url: string, trust: Readonly<Record<string, string>>) =>
      new Promise<{ code: unknown; output: string; errors: string }>((resolve) => {
        const words = ['dist/cim.js', 'admin', 'servers', '--route-internal', url, '--json'];
        const env = { PATH: process.env['PATH'], CIM_ADMIN_TOKEN: token, ...trust };
        execFile(process.execPath, words, { env }, (error, output, errors) =>
          resolve({ code: error?.code ?? 0, output, errors }),
        );
      });
    const { routeInternalUrl: url } = server;
    assert.match(url, /^https:/);
    const trust = { CIM_TLS_CA: files.env.CIM_TLS_CA };
    const trusted = await admin(url, trust);
    assert.equal(trusted.code, 0, trusted.errors);
    const { items } = JSON.parse(trusted.output) as { items: { tcpPort: number }[] };
    assert.equal(items.length, 1, trusted.output);

    const untrusted = await admin(url, {});
    assert.deepEqual([untrusted.code, untrusted.output], [3, '']);
    assert.match(untrusted.errors, /^cim admin: https:\S+ [^\n]*certificate[^\n]*\n$/);
    const plain = await admin(url.replace('https:', 'http:'), trust);
    assert.deepEqual([plain.code, plain.output], [3, '']);
    assert.match(plain.errors, /^cim admin: [^\n]*https:\/\/[^\n]*\n$/);
  });

  it('a client in plain text is told so by the route and by the im-server', async () => {
    const plainUrl = server.routeUrl.replace('https:', 'http:');
    await assert.rejects(make('una', { routeUrl: plainUrl }).connect(), {
      code: '9521',
      message: `the route at ${plainUrl} speaks TLS: give its address with https://`,
    });
    await assert.rejects(make('ulf', { transport: tcp() }).connect(), {
      code: '9521',
      message: 'this port speaks TLS: connect with TLS',
    });
    await restart({ CIM_ADVERTISE_URL: `ws://localhost:${port}/cim` });
    await assert.rejects(make('ute', { tls: { ...tls, allowPlainText: true } }).connect(), {
      code: '9521',
      message: `ws://localhost:${port}/cim: this port speaks TLS: use wss://`,
    });
    await assert.rejects(make('udo').connect(), {
      code: '9521',
      message: /^the route speaks TLS and names an im-server that does not \(ws:/,
    });
  });

  it('a client with TLS is told that a server speaks none', async () => {
    const plain = { CIM_TLS_CERT: '', CIM_TLS_KEY: '', CIM_TLS_CA: '' };
    await restart(plain);
    const secureUrl = server.routeUrl.replace('http:', 'https:');
    await assert.rejects(make('uma', { routeUrl: secureUrl }).connect(), {
      code: '9521',
      message: new RegExp(`^the route at ${secureUrl} speaks no TLS`),
    });
    for (const [name, url] of [
      ['wss', `wss://localhost:${port}/cim`],
      ['tls', `tls://localhost:${port}`],
    ] as const) {
      await restart({ ...plain, CIM_ADVERTISE_URL: url });
      await assert.rejects(make(name).connect(), {
        code: '9521',
        message: /^the im-server .* speaks no TLS/,
      });
    }
  });
});
