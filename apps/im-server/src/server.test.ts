/**
 * A whole im-server on the embedded store, tested with frames. Whatever one client sends, the others notice
 * nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CIM_DEVICE, cim, encodeFrame, inboxOf, LOBBY } from '@cim/protocol';
import { until } from '@cim/testkit';
import { RunningServer } from '../test/running-server.ts';

const PRODUCER = 'A'.repeat(16);
const content = cim.Content.encode({ texts: ['hello'] }).finish();

let running: RunningServer;
before(async () => {
  running = await RunningServer.start();
});
after(() => running[Symbol.asyncDispose]());

describe('an im-server', () => {
  test('answers a send with a receipt and delivers it to a recipient that has resumed', async () => {
    const [a, b] = await Promise.all([running.logIn('anna'), running.logIn('bert')]);
    b.raw.say({ resume: { cursors: [{}] } });
    await b.raw.hear('resumed');
    a.raw.say({ send: { to: b.user.userId, producer: PRODUCER, counter: 1, content } });
    const receipt = await a.raw.hear('receipt');
    assert.deepEqual([receipt.outcome, receipt.seq, receipt.counter], [cim.Outcome.STORED, 1, 1]);
    const { entries } = await b.raw.hear('deliver');
    assert.deepEqual(Buffer.from(entries?.[0]?.content ?? []), Buffer.from(content));
  });

  test('stores a repeated send once and says which counter is missing after a gap', async () => {
    const [a, b] = await Promise.all([running.logIn('cora'), running.logIn('dirk')]);
    const send = (counter: number) =>
      a.raw.say({ send: { to: b.user.userId, producer: PRODUCER, counter, content } });
    send(1);
    send(1);
    send(3);
    await until('three receipts', () => a.raw.frames.filter((frame) => frame.receipt).length === 3);
    const receipts = a.raw.frames.flatMap((frame) => (frame.receipt ? [frame.receipt] : []));
    const { STORED, GAP } = cim.Outcome;
    // A send that is not stored rings nobody, so it may be answered first.
    assert.deepEqual(receipts.map((receipt) => receipt.outcome ?? 0).sort(), [STORED, STORED, GAP].sort());
    assert.equal(receipts.find(({ outcome }) => outcome === GAP)?.last, 1);
    assert.equal((await running.store.streams.position({ kind: 'inbox', user: b.user.userId })).top, 1);
  });

  test('answers a repeated send with the seq of its own entry, and refuses its number for another content', async () => {
    const [a, b] = await Promise.all([running.logIn('cleo'), running.logIn('carl')]);
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
    assert.equal((await running.store.streams.position(inboxOf(to))).top, 3);
  });

  test('answers UNKNOWN_PRODUCER to counters of a producer that the store does not know, and says what it holds', async () => {
    const [a, b] = await Promise.all([running.logIn('clea'), running.logIn('curt')]);
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
    const { raw, user } = await running.logIn('emil');
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

  test('a body and fields of a later version are ignored, and the session goes on', async () => {
    const { raw } = await running.logIn('ivo');
    // Field 40 with 3 bytes, by itself and behind a ping.
    raw.socket.write(Buffer.from('06c20203010203', 'hex'));
    raw.socket.write(Buffer.from('09ca0100c20203010203', 'hex'));
    await raw.hear('pong');
    assert.equal(raw.closed, false);
  });

  test('closes a connection for invalid, too long or forbidden frames, and other connections notice nothing', async () => {
    const { raw: bystander } = await running.logIn('ines');
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
      const raw = await running.connect();
      raw.socket.write(bytes);
      await until(`${what} ends the connection`, () => raw.closed, 7_000);
    }
    const { raw: loggedIn } = await running.logIn('ingo');
    loggedIn.say({ ack: { seq: 5 } });
    await loggedIn.ends('protocol-error');
    const { raw: backwards } = await running.logIn('ilse');
    backwards.say({ welcome: { userId: 1 } });
    await backwards.ends('protocol-error');
    bystander.say({ ping: {} });
    await bystander.hear('pong');
  });

  test('tells a sender when its message is acked, and answers up to where it is acked', async () => {
    const { raw: sender } = await running.logIn('dina');
    const { raw: recipient, user } = await running.logIn('dora');
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
      return (await running.store.streams.cursor(user.userId, CIM_DEVICE, inboxOf(user.userId)))?.seq === seq;
    });
    const told = () => sender.frames.filter((frame) => frame.delivered !== null).length;
    const before = told();
    sender.say({ delivered: { to: user.userId, seq } });
    await until('the question is answered', () => told() === before + 1);
    sender.say({ delivered: { to: -1, seq: 1 } });
    await sender.ends('protocol-error');
    for (const { socket } of [sender, recipient]) socket.destroy();
  });

  test('answers which counters the store has, and refuses malformed questions', async () => {
    const { user } = await running.logIn('dolf');
    const { raw } = await running.logIn('dirk');
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

  test('reads only as many sends from a channel as the store keeps up with, and answers all in the end', async () => {
    const { user } = await running.logIn('edda');
    const { raw } = await running.logIn('egon');
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
