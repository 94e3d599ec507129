/** A real server that may have few files open: what it gives up first, and that users who are logged in lose nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { CLOSE_REASONS, cim, encodeFrame, FrameDecoder } from '@cim/protocol';
import { ServerProcess, until } from '@cim/testkit';

/** Of these a standalone server takes four fifths, less 128, for connections: 192. */
const OPEN_FILES = 400;
const IDLE = 100;
/** With the idle ones: more than 80 %. Alone: less than 70 %. */
const USERS = 60;

/** A connection by hand: a user, or a stranger who says nothing. */
class Raw {
  readonly socket: Socket;
  readonly frames: cim.Frame[] = [];
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    const decoder = new FrameDecoder(1 << 20);
    this.socket.on('data', (chunk) =>
      decoder.push(chunk, (body) => {
        this.frames.push(cim.Frame.decode(body));
        return true;
      }),
    );
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.closed = true;
    });
  }
}

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly dataBody: { readonly userId: number; readonly ticket: string } | null;
}

test('a server with few open files ends idle HTTP connections, then refuses strangers, and users come back and talk', {
  timeout: 120_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cim-few-files-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dataDir }, undefined, OPEN_FILES);
  const { routeUrl, tcpPort } = server;
  // Each request has a connection of its own, so that only those of the test stay open.
  const post = async (path: string, body: object): Promise<Answer> => {
    const answer = await fetch(`${routeUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(body),
    });
    return { ...((await answer.json()) as Answer), status: answer.status };
  };
  const raws: Raw[] = [];
  /** Of one more user who logs in; undefined when the route refuses it. */
  const logIn = async (userName: string): Promise<Raw | undefined> => {
    const account = await post('/registerAccount', { userName });
    if (account.dataBody === null) return undefined;
    const { userId } = account.dataBody;
    const placed = await post('/login', { userId, userName, wire: 2 });
    if (placed.dataBody === null) return undefined;
    const raw = new Raw(tcpPort);
    raws.push(raw);
    raw.socket.write(encodeFrame(cim.Frame, { login: { userId, ticket: placed.dataBody.ticket } }));
    await until(`${userName} is in`, () => raw.frames.some(({ welcome }) => welcome !== null));
    return raw;
  };
  const client = (userName: string, state = memoryState()) => new CimClient({ routeUrl, userName, state });
  const aliceState = memoryState();
  const bob = client('bob');
  let alice = client('alice', aliceState);
  const idle = new Agent({ keepAlive: true, maxFreeSockets: IDLE });
  let idleOpen = 0;
  try {
    const shown: string[] = [];
    bob.on('message', ({ texts }) => void shown.push(...texts));
    await Promise.all([alice.connect(), bob.connect()]);

    const pings = setInterval(() => {
      for (const { socket } of raws) socket.write(encodeFrame(cim.Frame, { ping: {} }));
    }, 5_000);
    pings.unref();
    await Promise.all(
      Array.from(
        { length: IDLE },
        () =>
          new Promise<void>((resolve, reject) => {
            const request = get(`${routeUrl}/healthz`, { agent: idle }, (answer) => {
              answer.resume().on('end', resolve);
            });
            request.on('error', reject);
            request.on('socket', (socket) => {
              idleOpen++;
              socket.on('close', () => idleOpen--);
            });
          }),
      ),
    );
    assert.equal(idleOpen, IDLE);
    for (let n = 0; n < USERS; n++) assert.ok(await logIn(`user${n}`), `user${n}`);
    await until('the idle ones are closed', () => idleOpen === 0, 10_000);
    assert.match(server.log, /"resource":"connections","percent":8\d,.*"msg":"process\.runs-low"/);
    await until('there is enough again', () => server.log.includes('process.has-enough'));
    assert.ok(raws.every(({ closed }) => !closed));

    let users = USERS;
    while ((await logIn(`user${users}`)) !== undefined) users++;
    assert.ok(users > 150 && users < 185, `${users} users`);
    const refused = await post('/registerAccount', { userName: 'late' });
    assert.deepEqual([refused.status, refused.code], [503, '6000']);
    assert.match(refused.message, /users who are logged in come first/);

    const strangers = Array.from({ length: 12 }, () => new Raw(tcpPort));
    const told = () => strangers.flatMap(({ frames }) => frames.map(({ goaway }) => goaway?.reason));
    await until('some are sent away', () => told().length >= 3, 10_000);
    assert.ok(told().every((reason) => reason === CLOSE_REASONS.limited.number));
    await until('the others have had their time', () => strangers.every(({ closed }) => closed), 4_000);

    // Whoever was logged in comes back over the route and the door.
    await alice.close();
    alice = client('alice', aliceState);
    await alice.connect();
    const receipt = await alice.send({ user: bob.user?.userId ?? 0 }, ['I am back']);
    assert.equal(receipt.outcome, 'stored');
    await until('bob has it', () => shown.includes('I am back'));
    assert.ok(raws.every(({ closed }) => !closed));
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    idle.destroy();
    for (const { socket } of raws) socket.destroy();
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  }
});
