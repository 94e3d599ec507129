/** Compares the client's codecs with the generated code that servers use, in both directions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeContent, decodeServerFrame, encodeClientFrame, encodeContent } from './client-frames.ts';
import { cim } from './generated.ts';
import { encodeFrame, FrameDecoder } from './frame-codec.ts';

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'grapheme' });
const bytes = fc.uint8Array({ maxLength: 300 });
const flag = fc.boolean();
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 4 });
const stream = { to: number, group: text, producer: text };
const signal = fc.record({
  ...{ kind: fc.nat({ max: 3 }), to: number, group: text, sender: number, senderName: text },
  ...{ n: number, device: text, label: text, scheduled: text, code: text, text },
});
const counters = fc.record({
  counters: list(fc.record({ ...stream, counter: number, seq: number, unknown: flag })),
});

const FROM_CLIENTS = {
  login: fc.record({ userId: number, ticket: text, agent: text, level: fc.nat() }),
  send: fc.record({ ...stream, counter: number, content: bytes, again: flag }),
  delivered: fc.record({ to: number, seq: number }),
  ack: fc.record({ group: text, seq: number, held: number }),
  resume: fc.record({ cursors: list(fc.record({ group: text, seq: number, id: text })), groups: flag }),
  ping: fc.constant({}),
  pong: fc.constant({}),
  counters,
  find: fc.record(stream),
  signal,
};

const FROM_SERVERS = {
  welcome: fc.record({ userId: number, epoch: number, idleTimeoutMs: fc.nat(), instance: text }),
  receipt: fc.record({
    ...{ ...stream, counter: number, outcome: fc.nat({ max: 4 }), seq: number, last: number },
    ...{ code: text, text, copy: number, n: number },
  }),
  delivered: fc.record({ to: number, seq: number }),
  deliver: fc.record({
    group: text,
    entries: list(
      fc.record({
        ...{ seq: number, prev: text, storedAt: number, sender: number, senderName: text },
        ...{ producer: text, counter: number, content: bytes, n: number },
      }),
    ),
  }),
  resumed: fc.record({
    streams: list(fc.record({ group: text, answer: fc.nat({ max: 3 }), from: number, to: number, id: text })),
  }),
  ping: fc.constant({}),
  pong: fc.constant({}),
  goaway: fc.record({ reason: fc.nat(), text, reconnect: flag, afterMs: fc.nat() }),
  error: fc.record({ code: text, text }),
  counters,
  found: fc.record({ ...stream, last: number, oldestAt: number }),
  signal,
};

/** The body of one frame, without the length before it. */
function bodyOf(frame: Uint8Array): Uint8Array {
  const bodies: Uint8Array[] = [];
  new FrameDecoder(1 << 20).push(frame, (body) => {
    bodies.push(body);
    return true;
  });
  assert.equal(bodies.length, 1);
  return bodies[0] ?? new Uint8Array();
}

/** The value without classes, and with plain byte arrays. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

describe('the frames of a client', () => {
  for (const [kind, bodies] of Object.entries(FROM_CLIENTS))
    it(`${kind} is written as the generated code reads it`, () => {
      fc.assert(
        fc.property(bodies as fc.Arbitrary<object>, (body) => {
          const frame = cim.Frame.decode(bodyOf(encodeClientFrame(kind as 'ping', body)));
          assert.equal(frame.body, kind);
          // The generated code writes the same frame. The test compares what it reads from both.
          const expected = cim.Frame.decode(bodyOf(encodeFrame(cim.Frame, { [kind]: body })));
          assert.deepEqual(plain(frame), plain(expected));
        }),
      );
    });
});

describe('the frames of a server', () => {
  for (const [kind, bodies] of Object.entries(FROM_SERVERS))
    it(`${kind} is read as the generated code has written it`, () => {
      fc.assert(
        fc.property(bodies as fc.Arbitrary<object>, (body) => {
          const frame = decodeServerFrame(bodyOf(encodeFrame(cim.Frame, { [kind]: body })));
          assert.equal(frame?.kind, kind);
          assert.deepEqual(plain(frame.body), plain(body));
        }),
      );
    });

  it('of a newer server are passed over, and so are fields that are not known, of every wire type', () => {
    assert.equal(decodeServerFrame(Uint8Array.from([0x92, 0x03, 1, 0])), undefined);
    assert.equal(decodeServerFrame(bodyOf(encodeFrame(cim.Frame, { text: 'hi', id: 7 }))), undefined);
    const unknown = [
      0x78,
      ...new Array<number>(9).fill(0xff),
      1,
      0x79,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x7d,
      1,
      2,
      3,
      4,
      0x7a,
      1,
      9,
    ];
    const error = [...unknown, 0x0a, 1, 0x41, ...unknown];
    const frame = decodeServerFrame(Uint8Array.from([0xe2, 1, error.length, ...error]));
    assert.deepEqual(frame, { kind: 'error', body: { code: 'A', text: '' } });
  });

  it('that are cut anywhere, or that hold what is no number, no length or no field, are refused', () => {
    const whole = bodyOf(encodeFrame(cim.Frame, { error: { code: '3000', text: 'no' } }));
    for (let cut = 1; cut < whole.length; cut++)
      assert.throws(() => decodeServerFrame(whole.subarray(0, cut)), RangeError, `cut at ${cut}`);
    for (const bytes of [[0xff], [0x0b], [0xca, 1, 5, 1], [0x08, ...new Array<number>(11).fill(0x80)]])
      assert.throws(() => decodeServerFrame(Uint8Array.from(bytes)), RangeError, String(bytes));
    // A receipt whose seq is 2^53.
    const tooMuch = [0x30, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    assert.throws(
      () => decodeServerFrame(Uint8Array.from([0x9a, 1, tooMuch.length, ...tooMuch])),
      RangeError,
    );
  });

  it('from random bytes are either decoded or refused with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
        try {
          decodeServerFrame(any);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    );
  });
});

describe('a content', () => {
  const contents = fc.record({ texts: fc.array(text), type: text, body: bytes, ref: text, changed: flag });

  it('is written and read as the generated code does it', () => {
    fc.assert(
      fc.property(contents, (content) => {
        const written = encodeContent(content);
        assert.deepEqual(Buffer.from(written), Buffer.from(cim.Content.encode(content).finish()));
        assert.deepEqual(plain(decodeContent(written)), plain(content));
      }),
    );
  });

  it('decodes to undefined when its bytes are cut', () => {
    assert.equal(decodeContent(Uint8Array.from([0x0a, 5, 0x41])), undefined);
  });
});
