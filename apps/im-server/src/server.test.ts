/** A whole im-server on the embedded store, spoken to in frames: whatever a client sends, the others notice nothing. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { Dispatcher } from '@cim/delivery';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  CLOSE_REASONS,
  type CloseReason,
  cim,
  type Epoch,
  encodeFrame,
  FrameDecoder,
  inboxOf,
  LOBBY,
  type InstanceId,
  makeTicket,
  type NamedUser,
  parseUserName,
  type Seq,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { clusterKey, createMetrics, type Observer, silentLogger, silentObserver } from '@cim/runtime';
import { until } from '@cim/testkit';
import { Stored } from '../test/stored.ts';
import { type ImServer, startImServer } from './compose.ts';

const SECRET = 'test-secret';
const PRODUCER = 'A'.repeat(16);
const content = cim.Content.encode({ texts: ['hello'] }).finish();

let stored: Stored;
let server: ImServer;
let instance: InstanceId;
const logger = silentLogger();
const wheel = new TimingWheel();
const membership = openEmbeddedMembership();
const flusher = new TurnFlusher();
/** Door and outcome of each send that was counted. */
const counted: string[] = [];
const observer: Observer = {
  ...silentObserver,
  sendAnswered: (door, outcome) => counted.push(`${door} ${outcome}`),
};
const rpc = new RpcClient({ secret: SECRET, flusher, wheel, logger });

/** A client that says what it is told, and keeps what it hears. */
class Raw {
  readonly socket: Socket;
  readonly frames: cim.Frame[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new FrameDecoder(1 << 20);
    socket.on('data', (chunk) => {
      decoder.push(chunk, (body) => {
        this.frames.push(cim.Frame.decode(body));
        return true;
      });
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => socket.destroy());
  }

  static async open(): Promise<Raw> {
    const socket = connect(server.tcp.port, server.tcp.host);
    await new Promise((resolve) => socket.once('connect', resolve));
    return new Raw(socket);
  }

  say(frame: cim.Frame.$Properties): void {
    this.socket.write(encodeFrame(cim.Frame, frame));
  }

  async hear<K extends keyof cim.Frame>(body: K): Promise<NonNullable<cim.Frame[K]>> {
    const found = () => this.frames.map((frame) => frame[body]).find((it) => it !== null);
    await until(`a ${body} comes`, () => found() !== undefined, 8_000);
    const it = found();
    assert.ok(it);
    return it;
  }

  async ends(reason?: CloseReason, withinMs = 3_000): Promise<void> {
    await until('the connection ends', () => this.closed, withinMs);
    if (reason !== undefined) assert.equal((await this.hear('goaway')).reason, CLOSE_REASONS[reason].number);
  }
}

async function account(name: string, passwordHash?: string): Promise<NamedUser> {
  const parsed = parseUserName(name);
  assert.ok(parsed.ok);
  return (await stored.store.accounts.register(parsed.name, passwordHash)).account;
}

async function issue(
  user: NamedUser,
  secretHash = '',
  passwordHash?: string,
): Promise<{ ticket: string; epoch: Epoch }> {
  const answer = await stored.store.sessions.issue({
    user: { userId: user.userId, userName: user.userName },
    instance,
    policy: 'kick',
    passwordHash,
    secretHash,
  });
  assert.ok(answer.outcome === 'issued');
  const { epoch } = answer;
  const ticket = makeTicket(clusterKey(SECRET, 'ticket'), { userId: user.userId, epoch, instance });
  return { ticket, epoch };
}

async function logIn(name: string): Promise<{ raw: Raw; user: NamedUser; ticket: string }> {
  const user = await account(name);
  const { ticket } = await issue(user);
  const raw = await Raw.open();
  raw.say({ login: { userId: user.userId, ticket } });
  await raw.hear('welcome');
  return { raw, user, ticket };
}

before(async () => {
  stored = await Stored.open();
  wheel.start();
  await membership.start();
  server = await startImServer({
    config: {
      ...{ host: '127.0.0.1', advertiseHost: '', tcpPort: 0, httpPort: 0 },
      ...{ clusterSecret: SECRET, idleTimeoutMs: 30_000, allowedOrigins: [], allowedHosts: [] },
    },
    store: stored.store,
    membership,
    dispatcher: new Dispatcher({ store: stored.store, membership, rpc, logger }),
    flusher,
    wheel,
    logger,
    metrics: createMetrics({ program: 'test' }),
    observer,
    maxConnections: 1_000,
    stopping: new AbortController().signal,
  });
  const [self] = membership.members();
  assert.ok(self?.instance !== undefined);
  instance = self.instance;
});

after(async () => {
  await server.stop();
  await rpc.stop();
  wheel.stop();
  await membership.stop();
  await stored[Symbol.asyncDispose]();
});

describe('an im-server', () => {
  test('answers a send with a receipt and delivers it to a recipient that has resumed', async () => {
    const [a, b] = await Promise.all([logIn('anna'), logIn('bert')]);
    b.raw.say({ resume: { cursors: [{}] } });
    await b.raw.hear('resumed');
    a.raw.say({ send: { to: b.user.userId, producer: PRODUCER, counter: 1, content } });
    const receipt = await a.raw.hear('receipt');
    assert.deepEqual([receipt.outcome, receipt.seq, receipt.counter], [cim.Outcome.STORED, 1, 1]);
    const { entries } = await b.raw.hear('deliver');
    assert.deepEqual(Buffer.from(entries?.[0]?.content ?? []), Buffer.from(content));
  });

  test('stores a repeated send once and says which counter is missing after a gap', async () => {
    const [a, b] = await Promise.all([logIn('cora'), logIn('dirk')]);
    const send = (counter: number) =>
      a.raw.say({ send: { to: b.user.userId, producer: PRODUCER, counter, content } });
    send(1);
    send(1);
    send(3);
    await until('three receipts', () => a.raw.frames.filter((frame) => frame.receipt).length === 3);
    const receipts = a.raw.frames.flatMap((frame) => (frame.receipt ? [frame.receipt] : []));
    const { STORED, GAP } = cim.Outcome;
    // One that is not stored rings for nobody, and may be answered first.
    assert.deepEqual(receipts.map((receipt) => receipt.outcome ?? 0).sort(), [STORED, STORED, GAP].sort());
    assert.equal(receipts.find(({ outcome }) => outcome === GAP)?.last, 1);
    assert.equal((await stored.store.streams.position({ kind: 'inbox', user: b.user.userId })).top, 1);
  });

  test('answers a repeated send with the seq of its own entry, and refuses its number for another content', async () => {
    const [a, b] = await Promise.all([logIn('cleo'), logIn('carl')]);
    const to = b.user.userId;
    const another = cim.Content.encode({ texts: ['another'] }).finish();
    const say = (counter: number, of = content) =>
      a.raw.say({ send: { to, producer: PRODUCER, counter, content: of, again: true } });
    const receipts = () => a.raw.frames.flatMap((frame) => (frame.receipt ? [frame.receipt] : []));
    for (const counter of [1, 2, 3]) say(counter);
    await until('all are stored', () => receipts().length === 3);
    say(2);
    await until('it is answered', () => receipts().length === 4);
    assert.deepEqual([receipts()[3]?.outcome, receipts()[3]?.seq], [cim.Outcome.STORED, 2]);
    say(1, another);
    await until('it is refused', () => receipts().length === 5);
    assert.deepEqual([receipts()[4]?.outcome, receipts()[4]?.code], [cim.Outcome.REFUSED, '3000']);
    assert.equal((await stored.store.streams.position(inboxOf(to))).top, 3);
  });

  test('answers UNKNOWN_PRODUCER to counters of a producer that the store does not know, and says what it holds', async () => {
    const [a, b] = await Promise.all([logIn('clea'), logIn('curt')]);
    const to = b.user.userId;
    a.raw.say({ send: { to, producer: PRODUCER, counter: 4, content, again: true } });
    const receipt = await a.raw.hear('receipt');
    assert.deepEqual([receipt.outcome, receipt.counter], [cim.Outcome.UNKNOWN_PRODUCER, 4]);
    a.raw.say({ send: { to, producer: PRODUCER, counter: 1, content, again: true } });
    a.raw.say({ send: { to, producer: PRODUCER, counter: 2, content } });
    await until('both are stored', () => a.raw.frames.filter((frame) => frame.receipt).length === 3);
    a.raw.say({ find: { to, producer: PRODUCER } });
    const found = await a.raw.hear('found');
    assert.deepEqual([found.to, found.producer, found.last, found.oldestAt], [to, PRODUCER, 2, 0]);
    a.raw.say({ find: { to, producer: 'x' } });
    await a.raw.ends('protocol-error');
  });

  test('refuses a send that cannot be stored, in words, and goes on', async () => {
    const { raw, user } = await logIn('emil');
    const sends: cim.Send.$Properties[] = [
      { to: 0, producer: PRODUCER, counter: 1, content },
      { to: 999_999, producer: PRODUCER, counter: 1, content },
      { to: user.userId, producer: 'short', counter: 1, content },
      { to: user.userId, producer: PRODUCER, counter: 0, content },
      { to: user.userId, producer: PRODUCER, counter: 1, content: Buffer.from('ff', 'hex') },
      { to: user.userId, producer: PRODUCER, counter: 1, content: new Uint8Array() },
      { group: 'elsewhere', producer: PRODUCER, counter: 1, content },
      { to: -5, group: LOBBY, producer: PRODUCER, counter: 1, content },
    ];
    for (const send of sends) raw.say({ send });
    await until(
      'all are answered',
      () => raw.frames.filter((frame) => frame.receipt).length === sends.length,
    );
    for (const { receipt } of raw.frames.filter((frame) => frame.receipt)) {
      assert.equal(receipt?.outcome, cim.Outcome.REFUSED);
      assert.match(`${receipt.code ?? ''} ${receipt.text ?? ''}`, /^(3000|9100) .{10,}/);
    }
    raw.say({ ping: {} });
    await raw.hear('pong');
  });

  test('takes a ticket once, and none that is forged, of another user or for another server', async () => {
    const user = await account('fred');
    const { ticket, epoch } = await issue(user);
    const other = await account('fran');
    const wrong = [
      { userId: user.userId, ticket: '' },
      { userId: user.userId, ticket: `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}` },
      { userId: other.userId, ticket },
      {
        userId: user.userId,
        ticket: makeTicket(clusterKey(SECRET, 'ticket'), {
          userId: user.userId,
          epoch,
          instance: 'another-instance' as InstanceId,
        }),
      },
    ];
    for (const login of wrong) {
      const raw = await Raw.open();
      raw.say({ login });
      await raw.ends('unauthorized');
    }
    const first = await Raw.open();
    first.say({ login: { userId: user.userId, ticket } });
    await first.hear('welcome');
    const second = await Raw.open();
    second.say({ login: { userId: user.userId, ticket } });
    await second.ends('unauthorized');
    assert.equal(first.closed, false);
  });

  test('closes a session that a later login has replaced, and only that one', async () => {
    const first = await logIn('gert');
    const second = await logIn('gert');
    await first.raw.ends('superseded');
    second.raw.say({ ping: {} });
    await second.raw.hear('pong');
  });

  test('a login whose epoch is below one that the store has lost is told to come again, and locks nobody out', async (t) => {
    const { user } = await logIn('jon');
    const { sessions } = stored.store;
    const real = sessions.claim.bind(sessions);
    let claimed: Epoch | undefined;
    t.mock.method(sessions, 'claim', async (request: Parameters<typeof real>[0]) => {
      const answer = await real(request);
      if (answer.outcome !== 'claimed') return answer;
      claimed = answer.epoch;
      return { ...answer, epoch: 0 as Epoch };
    });
    const released = t.mock.method(sessions, 'release');
    const { ticket } = await issue(user);
    const lower = await Raw.open();
    lower.say({ login: { userId: user.userId, ticket } });
    await lower.ends('unavailable');
    assert.ok(claimed !== undefined);
    await until('it is released', () =>
      released.mock.calls.some(({ arguments: [of, epoch] }) => of === user.userId && epoch === 0),
    );
  });

  test('a CIM login takes no session that was issued with a secret; the ticket still does', async () => {
    const user = await account('ida');
    const { ticket } = await issue(user, 'hash-of-a-secret');
    const stranger = await Raw.open();
    stranger.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ida' });
    await stranger.ends();
    const owner = await Raw.open();
    owner.say({ login: { userId: user.userId, ticket } });
    await owner.hear('welcome');
    const late = await Raw.open();
    late.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ida' });
    await late.ends();
    owner.say({ ping: {} });
    await owner.hear('pong');
  });

  test('a CIM login takes no session of an account with a password, however it was issued', async () => {
    const hash = 'hash-of-a-password';
    const user = await account('ivan', hash);
    const { ticket } = await issue(user, '', hash);
    const stranger = await Raw.open();
    stranger.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ivan' });
    await stranger.ends();
    const owner = await Raw.open();
    owner.say({ login: { userId: user.userId, ticket } });
    await owner.hear('welcome');
  });

  test('a CIM login needs the login at the route, for that name', async () => {
    const user = await account('hans');
    const early = await Raw.open();
    early.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'hans' });
    await early.ends();
    assert.deepEqual(early.frames, []);
    await issue(user);
    const wrong = await Raw.open();
    wrong.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'other' });
    await wrong.ends();
    const right = await Raw.open();
    // The route folds case, so this end does.
    right.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'HANS' });
    right.say({ cmd: cim.BaseCommand.PING, text: 'ping' });
    await until('it is answered', () => right.frames.some((frame) => frame.text === 'pong'));
  });

  test('a body and fields of a later version are ignored, and the session goes on', async () => {
    const { raw } = await logIn('ivo');
    // Field 40 with 3 bytes, alone and behind a ping.
    raw.socket.write(Buffer.from('06c20203010203', 'hex'));
    raw.socket.write(Buffer.from('09ca0100c20203010203', 'hex'));
    await raw.hear('pong');
    assert.equal(raw.closed, false);
  });

  test('ends what is no frame, too long a frame, or one that is not allowed, and nobody else notices', async () => {
    const { raw: bystander } = await logIn('ines');
    const hostile: [string, Uint8Array][] = [
      ['a length of 2 GiB', Buffer.from('ffffffff07', 'hex')],
      ['a length without an end', Buffer.from('ffffffffffffffff', 'hex')],
      [
        'a frame over the limit before login',
        Buffer.concat([Buffer.from('818001', 'hex'), Buffer.alloc(20_000)]),
      ],
      ['bytes that are no protobuf', Buffer.from('04ffffffff', 'hex')],
      ['a text that is not UTF-8', Buffer.from('040a02c328', 'hex')],
      ['HTTP that cannot be a WebSocket', Buffer.from('POST / HTTP/1.1\r\n\r\n')],
      ['a send before login', encodeFrame(cim.Frame, { send: { to: 1, counter: 1 } })],
      ['a push from a client', encodeFrame(cim.Frame, { cmd: cim.BaseCommand.MESSAGE, text: 'x' })],
    ];
    for (const [what, bytes] of hostile) {
      const raw = await Raw.open();
      raw.socket.write(bytes);
      await until(`${what} ends the connection`, () => raw.closed, 7_000);
    }
    const { raw: loggedIn } = await logIn('ingo');
    loggedIn.say({ ack: { seq: 5 } });
    await loggedIn.ends('protocol-error');
    const { raw: backwards } = await logIn('ilse');
    backwards.say({ welcome: { userId: 1 } });
    await backwards.ends('protocol-error');
    bystander.say({ ping: {} });
    await bystander.hear('pong');
  });

  test('ends who says nothing, or half a frame, for 5 s', async () => {
    const [silent, half] = await Promise.all([Raw.open(), Raw.open()]);
    half.socket.write(Buffer.from('10', 'hex'));
    await Promise.all([silent.ends(undefined, 7_000), half.ends(undefined, 7_000)]);
  });

  test('a session that is closed is over in the store too, and its user offline', async () => {
    const { raw, user } = await logIn('jens');
    await until('online', async () => (await stored.store.sessions.locate(user.userId)) !== undefined);
    raw.socket.destroy();
    await until('offline', async () => (await stored.store.sessions.locate(user.userId)) === undefined);
  });

  test('its internal port tells health and metrics, and takes /sendMsg with the cluster secret only', async () => {
    const url = `http://${server.http.host}:${server.http.port}`;
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.match(await (await fetch(`${url}/metrics`)).text(), /^cim_sessions\b/m);
    const rebound = request(`${url}/metrics`, { headers: { host: 'evil.example' } }).end();
    const [refused] = (await once(rebound, 'response')) as [IncomingMessage];
    assert.equal(refused.resume().statusCode, 403);
    const [from, to] = await Promise.all([account('karin'), account('kurt')]);
    const body = JSON.stringify({
      userId: to.userId,
      msg: 'hi',
      properties: { sendUserId: String(from.userId) },
    });
    const send = async (headers: Record<string, string>, text: string | Uint8Array<ArrayBuffer> = body) =>
      (
        (await (await fetch(`${url}/sendMsg`, { method: 'POST', headers, body: text })).json()) as {
          code: string;
        }
      ).code;
    assert.equal(await send({}), '9100');
    assert.equal(await send({ authorization: 'Bearer wrong' }), '9100');
    const authorization = `Bearer ${SECRET}`;
    const notUtf8 = Buffer.concat([
      Buffer.from(body.slice(0, -1)),
      Buffer.from(',"msg":"caf\xe9"}', 'latin1'),
    ]);
    assert.equal(await send({ authorization }), '9000');
    assert.equal(await send({ authorization: `Bearer ${clusterKey(SECRET, 'rpc')}` }), '9100');
    for (const text of ['', '[]', '{', '{"userId":1}', '{"userId":"x"}', 'x'.repeat(70_000), notUtf8])
      assert.equal(await send({ authorization }, text), '3000');
    assert.equal((await stored.store.streams.position({ kind: 'inbox', user: to.userId })).top, 1);
    assert.deepEqual(
      counted.filter((send) => send.startsWith('sendMsg')),
      ['sendMsg stored'],
    );
  });

  test('/sendMsg takes JSON under any content type, and stores half a surrogate pair as a character that can be read', async () => {
    const [from, to] = await Promise.all([account('lena'), account('lutz')]);
    const send = async (headers: Record<string, string>, text: string | Uint8Array<ArrayBuffer>) => {
      const authorization = `Bearer ${clusterKey(SECRET, 'send-msg')}`;
      return fetch(`http://${server.http.host}:${server.http.port}/sendMsg`, {
        method: 'POST',
        headers: { authorization, ...headers },
        body: text,
      });
    };
    const body = JSON.stringify({
      userId: to.userId,
      batchMsg: ['a\ud800b'],
      properties: { sendUserId: from.userId },
    });
    const types = [
      {},
      { 'content-type': 'application/json' },
      { 'content-type': 'application/octet-stream' },
    ];
    for (const [i, headers] of [...types, undefined].entries()) {
      // Bytes make fetch name no type.
      const answer = await send(headers ?? {}, headers === undefined ? new TextEncoder().encode(body) : body);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      const { code, reqNo, dataBody } = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([code, reqNo, dataBody], ['9000', null, null]);
      assert.equal((await stored.store.streams.position(inboxOf(to.userId))).top, i + 1);
    }
    const [entry] = await stored.store.streams.read(inboxOf(to.userId), 1 as Seq, 1);
    assert.ok(entry);
    assert.ok(isUtf8(entry.content));
    assert.deepEqual(cim.Content.decode(entry.content).texts, ['a\ufffdb']);
  });

  test('its internal port answers what is not there with 404 in the envelope', async () => {
    const url = `http://${server.http.host}:${server.http.port}`;
    const long = 'x'.repeat(70_000);
    const asked: [string, RequestInit][] = [
      ['/', {}],
      ['/sendMsg', {}],
      ['/healthz', { method: 'POST', body: '{}' }],
      ['/nowhere?x=1', { method: 'PUT', body: long }],
      ['/%zz', {}],
    ];
    for (const [path, init] of asked) {
      const answer = await fetch(`${url}${path}`, init);
      assert.equal(answer.status, 404, path);
      const { code, reqNo, dataBody } = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([code, reqNo, dataBody], ['3000', null, null], path);
    }
  });

  test('tells a sender when its message is acked, and answers how far an inbox is', async () => {
    const { raw: sender } = await logIn('dina');
    const { raw: recipient, user } = await logIn('dora');
    recipient.say({ resume: { cursors: [{ group: '', seq: 0, id: '' }] } });
    await recipient.hear('resumed');
    sender.say({ send: { to: user.userId, producer: PRODUCER, counter: 1, content } });
    const { seq } = (await sender.hear('receipt')) as cim.Receipt;
    await recipient.hear('deliver');
    assert.ok(sender.frames.every((frame) => frame.delivered === null));
    recipient.say({ ack: { seq } });
    const { to, seq: upTo } = await sender.hear('delivered');
    assert.deepEqual([to, upTo], [user.userId, seq]);

    await until('the ack is kept', async () => {
      return (await stored.store.streams.cursor(user.userId, inboxOf(user.userId)))?.seq === seq;
    });
    const told = () => sender.frames.filter((frame) => frame.delivered !== null).length;
    const before = told();
    sender.say({ delivered: { to: user.userId, seq } });
    await until('the question is answered', () => told() === before + 1);
    sender.say({ delivered: { to: -1, seq: 1 } });
    await sender.ends('protocol-error');
    for (const { socket } of [sender, recipient]) socket.destroy();
  });

  test('answers which counters the store has, and refuses questions that are none', async () => {
    const { user } = await logIn('dolf');
    const { raw } = await logIn('dirk');
    for (const counter of [1, 2])
      raw.say({ send: { to: user.userId, producer: PRODUCER, counter, content } });
    await until('both are stored', () => raw.frames.filter((frame) => frame.receipt !== null).length === 2);
    raw.say({
      counters: {
        counters: [
          { to: user.userId, producer: PRODUCER, counter: 7 },
          { group: 'lobby', producer: PRODUCER, counter: 3 },
        ],
      },
    });
    const { counters } = (await raw.hear('counters')) as { counters: cim.Counter[] };
    assert.deepEqual(
      counters.map(({ to, group, counter }) => [to, group, counter]),
      [
        [user.userId, '', 2],
        [0, 'lobby', 0],
      ],
    );
    raw.say({ counters: { counters: [{ to: user.userId, producer: 'x', counter: 1 }] } });
    await raw.ends('protocol-error');
  });

  test('takes no more sends from a channel than the store keeps up with, and answers all in the end', async () => {
    const { user } = await logIn('edda');
    const { raw } = await logIn('egon');
    const long = cim.Content.encode({ texts: ['x'.repeat(8_000)] }).finish();
    const sends = 200;
    for (let counter = 1; counter <= sends; counter++)
      raw.say({ send: { to: user.userId, producer: PRODUCER, counter, content: long } });
    const receipts = () => raw.frames.filter((frame) => frame.receipt !== null);
    await until('all are answered', () => receipts().length === sends);
    assert.ok(receipts().every((frame) => frame.receipt?.outcome === cim.Outcome.STORED));
    raw.socket.destroy();
  });
});
