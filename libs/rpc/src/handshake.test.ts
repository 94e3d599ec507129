import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { cim, encodeFrame } from '@cim/protocol';
import { call, ECHO, Process, rawServer, relayTo, said } from '../test/servers.ts';
import { calledName, newNonce, proofFrame, prove, UPGRADE_PROTOCOL } from './handshake.ts';
import type { RpcAddress } from './index.ts';

let here: Process;
beforeEach(() => {
  here = new Process();
});
afterEach(() => here.stop());

/** A caller that the test controls: the bytes it has read, and whether the server ended the connection. */
class RawCaller {
  readonly socket: Socket;
  read = Buffer.alloc(0);
  ended = false;
  readonly #called: string;

  constructor(address: RpcAddress) {
    this.#called = calledName(address);
    this.socket = connect({ host: address.host, port: address.httpPort, allowHalfOpen: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => (this.read = Buffer.concat([this.read, chunk])));
    this.socket.on('end', () => this.socket.end());
    this.socket.on('close', () => (this.ended = true));
  }

  /** Asks for the upgrade with this nonce, and returns the server's answer. */
  async upgrade(nonce: string): Promise<string> {
    this.socket.write(upgradeRequest(nonce, '/rpc', UPGRADE_PROTOCOL, this.#called));
    await until('the answer', () => this.read.includes('\r\n\r\n'));
    const [, theirs] = /x-cim-nonce: (\S+)/.exec(this.read.toString('latin1')) ?? [];
    this.read = Buffer.alloc(0);
    assert.ok(theirs !== undefined);
    return theirs;
  }
}

const upgradeRequest = (
  nonce: string,
  path = '/rpc',
  protocol = UPGRADE_PROTOCOL,
  called = 'nobody:1',
): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n` +
  `X-Cim-Nonce: ${nonce}\r\nX-Cim-Called: ${called}\r\n\r\n`;

/** Answers an upgrade request as a correct server does. */
function acceptUpgrade(
  socket: Socket,
  nonce: string,
  then: (callerNonce: string, rest: Buffer) => void,
): void {
  let read = Buffer.alloc(0);
  let callerNonce: string | undefined;
  socket.on('data', (chunk: Buffer) => {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf('\r\n\r\n');
    if (callerNonce === undefined && end >= 0) {
      callerNonce = /x-cim-nonce: (\S+)/i.exec(read.toString('latin1'))?.[1] ?? '';
      read = read.subarray(end + 4);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_PROTOCOL}\r\nX-Cim-Nonce: ${nonce}\r\n\r\n`,
      );
    }
    if (callerNonce !== undefined && read.length >= 33) then(callerNonce, read);
  });
}

const refusals = () => here.lines.filter((line) => line.msg === 'rpc.refused');

describe('the handshake', () => {
  test('fails with a wrong secret: one clear line on either side, no call carried out, the secret nowhere', async () => {
    const there = new Process();
    const server = await there.server('their secret');
    const client = here.client('our secret');
    assert.equal(said(await call(client, server.address, ECHO)), 'down: the cluster secrets differ');
    await until('the end', () => there.lines.some((line) => line.msg === 'rpc.closed'));
    for (let i = 0; i < 5; i++) {
      await call(client, server.address, ECHO);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    for (const lines of [here.lines, there.lines]) {
      const refused = lines.filter((line) => line.msg === 'rpc.refused');
      assert.equal(refused.length, 1);
      assert.equal(refused[0]?.['why'], 'its CIM_CLUSTER_SECRET is not ours');
      assert.doesNotMatch(JSON.stringify(lines), /(our|their) secret/);
    }
    await there.stop();
  });

  test('gives a caller that has proven nothing nothing that depends on the secret', async () => {
    const server = await here.server();
    const caller = new RawCaller(server.address);
    await caller.upgrade(newNonce());
    caller.socket.write(proofFrame(Buffer.alloc(32)));
    await until('the end', () => caller.ended);
    assert.deepEqual(caller.read, Buffer.from([0]));
    assert.equal(refusals().length, 1);
  });

  test('takes a caller that has the secret, with its calls in the same packet as its proof', async () => {
    const server = await here.server();
    const caller = new RawCaller(server.address);
    const ours = newNonce();
    const theirs = await caller.upgrade(ours);
    const echo = encodeFrame(cim.RpcFrame, { call: 7, method: ECHO, payload: Buffer.from('x') });
    caller.socket.write(
      Buffer.concat([
        proofFrame(prove('a secret', 'caller', calledName(server.address), ours, theirs)),
        echo,
      ]),
    );
    const reply = encodeFrame(cim.RpcFrame, { call: 7, status: cim.RpcStatus.OK, payload: Buffer.from('x') });
    const expected = Buffer.concat([
      proofFrame(prove('a secret', 'server', calledName(server.address), ours, theirs)),
      reply,
    ]);
    await until('the reply', () => caller.read.length === expected.length);
    assert.deepEqual(caller.read, expected);
    caller.socket.destroy();
  });

  test('refuses a proof that was recorded on another connection, and the server’s own played back', async () => {
    const server = await here.server();
    const ours = newNonce();
    const first = new RawCaller(server.address);
    const recorded = proofFrame(
      prove('a secret', 'caller', calledName(server.address), ours, await first.upgrade(ours)),
    );
    first.socket.write(recorded);
    await until('the server’s proof', () => first.read.length === 33);
    for (const replayed of [recorded, first.read]) {
      const caller = new RawCaller(server.address);
      await caller.upgrade(ours);
      caller.socket.write(replayed);
      await until('the end', () => caller.ended);
      assert.deepEqual(caller.read, Buffer.from([0]));
    }
    first.socket.destroy();
  });

  test('refuses a server that does not know the secret, or plays the caller’s proof back, before any call is sent', async () => {
    for (const answer of ['nothing of ours', 'the caller’s own proof', 'a refusal'] as const) {
      const got: Buffer[] = [];
      const impostor = await rawServer((socket) =>
        acceptUpgrade(socket, newNonce(), (_callerNonce, proof) => {
          got.push(proof);
          socket.write(
            answer === 'a refusal'
              ? Buffer.from([0])
              : answer === 'nothing of ours'
                ? proofFrame(Buffer.alloc(32, 1))
                : proof,
          );
        }),
      );
      const client = here.client();
      assert.equal(
        said(await call(client, impostor.address, ECHO, 'for friends only')),
        'down: the cluster secrets differ',
      );
      assert.deepEqual(
        got.map((bytes) => bytes.length),
        [33],
      );
      await client.stop();
      impostor.close();
    }
    assert.equal(refusals().length, 3);
  });

  test('is of no use to a relay that takes calls at another address, whatever it tells the server', async () => {
    const server = await here.server();
    const rename = (chunk: Buffer): Buffer =>
      Buffer.from(
        chunk.toString('latin1').replace(/x-cim-called: \S+/i, `x-cim-called: ${calledName(server.address)}`),
        'latin1',
      );
    for (const [changed, answer] of [
      [undefined, 'down: a server answers there that is announced at another address'],
      [rename, 'down: the cluster secrets differ'],
    ] as const) {
      const relay = await relayTo(server.address, changed);
      const client = here.client();
      assert.equal(said(await call(client, relay.address, ECHO, 'for friends only')), answer);
      await client.stop();
      relay.close();
    }
    const [refused] = refusals();
    assert.match(String(refused?.['why']), /^this server is 127\.0\.0\.1:\d+; a relay is between/);
    assert.equal(said(await call(here.client(), server.address, ECHO, 'directly')), 'ok: directly');
  });

  test('has one name for each address, however it is written', () => {
    assert.equal(
      calledName({ host: '[2001:DB8::1]', httpPort: 1 }),
      calledName({ host: '2001:db8::1', httpPort: 1 }),
    );
    assert.notEqual(calledName({ host: 'a', httpPort: 1 }), calledName({ host: 'a', httpPort: 11 }));
  });

  test('closes a caller that stops half way, at any byte, and one that says nothing', {
    timeout: 20_000,
  }, async () => {
    const server = await here.server();
    const ours = newNonce();
    const callers = [0, 1, 20, 32].map(() => new RawCaller(server.address));
    for (const [i, bytes] of [0, 1, 20, 32].entries()) {
      const caller = callers[i] as RawCaller;
      const proof = proofFrame(
        prove('a secret', 'caller', calledName(server.address), ours, await caller.upgrade(ours)),
      );
      caller.socket.write(proof.subarray(0, bytes));
    }
    await until('all to be closed', () => callers.every((caller) => caller.ended), 10_000);
    assert.ok(callers.every((caller) => caller.read.length === 0));
    assert.equal(said(await call(here.client(), server.address, ECHO, 'still there')), 'ok: still there');
  });

  test('closes a caller whose first frame is longer than a proof, on its header', async () => {
    const server = await here.server();
    const caller = new RawCaller(server.address);
    await caller.upgrade(newNonce());
    caller.socket.write(Buffer.from([0xff, 0xff, 0x03]));
    await until('the end', () => caller.ended);
    assert.ok(here.lines.some((line) => line['reason'] === 'frame-too-large'));
  });

  test('answers other upgrades and bad nonces with one line of HTTP and closes; plain HTTP is untouched', async () => {
    const server = await here.server();
    for (const [request, status] of [
      [upgradeRequest(newNonce(), '/other'), 404],
      [upgradeRequest(newNonce(), '/rpc', 'websocket'), 404],
      [upgradeRequest('short'), 400],
      [upgradeRequest('!'.repeat(32)), 400],
      [upgradeRequest(newNonce()), 421],
    ] as const) {
      const caller = new RawCaller(server.address);
      caller.socket.write(request);
      await until('the end', () => caller.ended);
      assert.match(caller.read.toString(), new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\n[^\n]+\n$`));
    }
    const response = await fetch(`http://127.0.0.1:${server.address.httpPort}/rpc`);
    assert.equal(await response.text(), 'internal');
  });
});

describe('after the handshake', () => {
  /** Opens a caller that has sent a valid proof. */
  async function friend(address: RpcAddress): Promise<RawCaller> {
    const caller = new RawCaller(address);
    const ours = newNonce();
    const theirs = await caller.upgrade(ours);
    caller.socket.write(proofFrame(prove('a secret', 'caller', calledName(address), ours, theirs)));
    await until('the proof', () => caller.read.length === 33);
    caller.read = Buffer.alloc(0);
    return caller;
  }

  test('the server closes a caller that sends garbage, and serves the others', async () => {
    const server = await here.server();
    const client = here.client();
    await call(client, server.address, ECHO);
    for (const garbage of [
      Buffer.alloc(64, 0xff),
      Buffer.from([3, 0x22, 0x7f, 0x00]),
      Buffer.from([0xff, 0xff, 0xff, 0x7f]),
      encodeFrame(cim.RpcFrame, { call: 1, status: cim.RpcStatus.OK }),
    ]) {
      const caller = await friend(server.address);
      caller.socket.write(garbage);
      await until('the end', () => caller.ended);
      assert.equal(caller.read.length, 0);
    }
    assert.equal(said(await call(client, server.address, ECHO, 'still there')), 'ok: still there');
  });

  test('the client ends its calls when the server sends garbage', async () => {
    for (const garbage of [
      Buffer.alloc(64, 0xff),
      Buffer.from([3, 0x22, 0x7f, 0x00]),
      encodeFrame(cim.RpcFrame, { call: 1, method: 1 }),
    ]) {
      const nonce = newNonce();
      const impostor = await rawServer((socket) =>
        acceptUpgrade(socket, nonce, (callerNonce, read) => {
          if (read.length === 33)
            socket.write(
              proofFrame(prove('a secret', 'server', calledName(impostor.address), callerNonce, nonce)),
            );
          else socket.write(garbage);
        }),
      );
      const client = here.client();
      assert.match(said(await call(client, impostor.address, ECHO)), /^closed: /);
      await client.stop();
      impostor.close();
    }
  });

  test('the client fails calls to something that is no such server', async () => {
    const answers = [
      'SSH-2.0-OpenSSH_9.2\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: cim-rpc\r\n\r\n',
      '',
    ];
    for (const answer of answers) {
      const other = await rawServer((socket) => {
        socket.once('data', () => socket.end(answer));
      });
      assert.match(said(await call(here.client(), other.address, ECHO)), /^down: [^\n]+$/);
      other.close();
    }
  });

  test('a caller that closes has its late answers dropped', async () => {
    const server = await here.server();
    const caller = await friend(server.address);
    caller.socket.write(encodeFrame(cim.RpcFrame, { call: 1, method: 7 }));
    await until('the call', () => server.released.length === 1);
    caller.socket.destroy();
    await once(caller.socket, 'close');
    await until('the end', () => here.lines.some((line) => line.msg === 'rpc.closed'));
    server.released[0]?.();
    assert.equal(said(await call(here.client(), server.address, ECHO, 'fine')), 'ok: fine');
  });
});
