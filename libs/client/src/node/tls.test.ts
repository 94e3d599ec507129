/** TLS connections of a client on Node: the certificates it trusts, and its messages when it does not. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { CimError, CLOSE_REASONS } from '@cim/protocol';
import { type CertificateOptions, TestAuthority } from '@cim/testkit';
import { ScriptedServer, until } from '../../test/scripted-server.ts';
import { CimClient, type NodeClientOptions } from './client.ts';
import { tcp } from './tcp.ts';
import { webSocket } from './web-socket.ts';

const authority = new TestAuthority();
const stranger = new TestAuthority('somebody else');
const tls = { ca: authority.cert };

let server: ScriptedServer;
let client: CimClient | undefined;

afterEach(async () => {
  await client?.close();
  await server.stop();
});

function make(options: Partial<NodeClientOptions> = {}): CimClient {
  client = new CimClient({ routeUrl: server.url, userName: 'alice', random: () => 0.01, tls, ...options });
  return client;
}

async function problemOf(options: Partial<NodeClientOptions> = {}): Promise<{ code: string; text: string }> {
  const error: unknown = await make(options)
    .connect()
    .then(
      () => new Error('it has connected'),
      (why: unknown) => why,
    );
  assert.ok(error instanceof CimError, String(error));
  assert.ok(!error.retryable);
  assert.ok(!error.message.includes('\n'));
  return { code: error.code, text: error.message.replaceAll(/:\d{4,5}\b/g, ':PORT') };
}

const PAIRS: Readonly<Record<string, { options?: CertificateOptions; by?: TestAuthority; says: RegExp }>> = {
  'of another name': {
    options: { names: ['other.example'] },
    says: /shows a certificate for another name \(DNS:other\.example\): use an address that it is for/,
  },
  'that has expired': {
    options: { days: [-9, -1] },
    says: /shows a certificate that has expired: renew it there, and look at the clock of this machine$/,
  },
  'that is not valid yet': {
    options: { days: [1, 9] },
    says: /shows a certificate that is not valid yet: look at the clocks of both machines$/,
  },
  'of an unknown authority': {
    by: stranger,
    says: /shows a certificate of an authority that is not trusted here: name the PEM file of that authority \(tls\.ca of the SDK, CIM_TLS_CA of the terminal, or NODE_EXTRA_CA_CERTS\)$/,
  },
};

describe('a client on Node', () => {
  it('talks to a route and an im-server that speak TLS, with a private authority, and comes back', async () => {
    server = await ScriptedServer.start({ route: authority.issue(), server: authority.issue() });
    const alice = make();
    await alice.connect();
    assert.equal((await alice.send({ user: 7 }, 'hello')).outcome, 'stored');
    const again = new Promise((resolve) => alice.once('connected', resolve));
    server.peer.cut();
    await again;
    const big = 'x'.repeat(8_000);
    const answers = await Promise.all(Array.from({ length: 40 }, () => alice.send({ user: 7 }, big)));
    assert.ok(answers.every(({ outcome }) => outcome === 'stored'));
    assert.equal(server.texts('inbox:7').length, 41);
  });

  it('talks TLS to an im-server that a plain route names so', async () => {
    server = await ScriptedServer.start({ server: authority.issue() });
    await make().connect();
    assert.equal(server.peers.length, 1);
  });

  it('expects TLS of an im-server however the https URL of the route is written', async () => {
    server = await ScriptedServer.start({ route: authority.issue() });
    for (const routeUrl of [
      ` ${server.url}`,
      server.url.replace('https', 'HTTPS'),
      server.url.replace('https', 'ht\ntps'),
    ]) {
      const { code } = await problemOf({ routeUrl });
      assert.equal(code, '9521', JSON.stringify(routeUrl));
    }
    assert.equal(server.peers.length, 0, 'nothing went out in plain text');
  });

  for (const [which, { options, by = authority, says }] of Object.entries(PAIRS)) {
    it(`refuses a certificate ${which}, of the route`, async () => {
      server = await ScriptedServer.start({ route: by.issue(options) });
      const { code, text } = await problemOf();
      assert.equal(code, '9520');
      assert.match(text, says);
      assert.match(text, /^the route at https:\/\/127\.0\.0\.1:PORT /);
      assert.equal(server.requests.length, 0);
    });

    it(`refuses a certificate ${which}, of an im-server`, async () => {
      server = await ScriptedServer.start({ route: authority.issue(), server: by.issue(options) });
      const { code, text } = await problemOf();
      assert.equal(code, '9520');
      assert.match(text, says);
      assert.match(text, /^the im-server 127\.0\.0\.1:PORT /);
      assert.equal(server.peers.flatMap(({ received }) => received).length, 0);
    });

    it(`refuses a certificate ${which}, of a WebSocket`, async () => {
      server = await ScriptedServer.start({ server: by.issue(options) });
      server.place = { url: `wss://127.0.0.1:${server.port}/cim` };
      const { code, text } = await problemOf();
      assert.equal(code, '9520');
      assert.match(text, says);
      assert.match(text, /^the im-server at wss:\/\/127\.0\.0\.1:PORT\/cim /);
    });
  }

  it('trusts the authorities of Node when it is given none, which are strangers to a private one', async () => {
    server = await ScriptedServer.start({ route: authority.issue() });
    const { routeUrl } = { routeUrl: server.url };
    client = new CimClient({ routeUrl, userName: 'alice' });
    await assert.rejects(client.connect(), { code: '9520' });
  });

  it('refuses an authority that is none, before it connects', async () => {
    server = await ScriptedServer.start();
    for (const ca of ['', 'ca.pem', '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'])
      assert.throws(() => make({ tls: { ca } }), { code: '3000', message: /tls\.ca holds no certificate/ });
  });

  it('says that a route speaks no TLS', async () => {
    server = await ScriptedServer.start();
    const { code, text } = await problemOf({ routeUrl: server.url.replace('http:', 'https:') });
    assert.equal(code, '9521');
    assert.match(text, /^the route at https:\/\/127\.0\.0\.1:PORT speaks no TLS: give it a certificate/);
  });

  it('says that an im-server speaks no TLS though the route says so, over TCP and over a WebSocket', async () => {
    server = await ScriptedServer.start({ route: authority.issue() });
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('no TLS'));
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as AddressInfo;
    try {
      for (const place of [{ cimServerPort: port, tls: true }, { url: `wss://127.0.0.1:${port}/cim` }]) {
        server.place = place;
        const { code, text } = await problemOf();
        assert.equal(code, '9521');
        assert.match(text, /^the im-server (at wss:\/\/)?127\.0\.0\.1:PORT(\/cim)? speaks no TLS: /);
        await client?.close();
      }
    } finally {
      plain.close();
    }
  });

  it('says what a port answers that speaks TLS only, when it was named without', async () => {
    server = await ScriptedServer.start();
    const { number: reason, text: says } = CLOSE_REASONS['tls-mismatch'];
    server.onLogin = (peer) => {
      peer.send({ goaway: { reason, text: says, reconnect: false } });
      return true;
    };
    const { code, text } = await problemOf();
    assert.equal(code, '9521');
    assert.equal(text, says);
  });

  it('sends nothing in plain text behind a route that speaks TLS, unless that is allowed by name', async () => {
    server = await ScriptedServer.start({ route: authority.issue() });
    for (const place of [{}, { url: `tcp://127.0.0.1:${server.port}` }, { url: `ws://127.0.0.1:1/cim` }]) {
      server.place = place;
      const { code, text } = await problemOf();
      assert.equal(code, '9521');
      assert.match(
        text,
        /^the route speaks TLS and names an im-server that does not \(\S*127\.0\.0\.1:\S+\), so nothing was sent/,
      );
      await client?.close();
    }
    // The application has chosen some transport.
    server.place = {};
    for (const transport of [webSocket(tls), tcp()])
      assert.match((await problemOf({ transport })).text, /^the route speaks TLS and names an im-server/);
    assert.equal(server.peers.length, 0);
    await make({ tls: { ...tls, allowPlainText: true } }).connect();
    assert.equal(server.peers.length, 1);
  });

  it('ends, and says why, when the certificate goes bad while it is away for long', async () => {
    server = await ScriptedServer.start({ route: authority.issue(), server: authority.issue() });
    let now = 0;
    const timers = {
      now: () => now,
      time: Date.now,
      after: (ms: number, run: () => void) => {
        const timer = setTimeout(run, Math.min(ms, 10));
        now += ms < 5_000 ? ms : 0;
        return () => clearTimeout(timer);
      },
    };
    const alice = make({ timers: timers });
    const [disconnected, closed]: { text: string }[][] = [[], []];
    alice.on('disconnected', (event) => disconnected?.push(event));
    alice.on('closed', (event) => closed?.push(event));
    await alice.connect();
    server.place = {};
    server.peer.cut();
    await until(() => closed?.length === 1, 'it ends', 20_000);
    assert.match(closed?.[0]?.text ?? '', /^the route speaks TLS and names an im-server that does not/);
    assert.match(disconnected?.at(-1)?.text ?? '', /^the route speaks TLS and names/);
    assert.equal((closed?.[0] as { reason?: string }).reason, 'tls-mismatch');
  });
});
