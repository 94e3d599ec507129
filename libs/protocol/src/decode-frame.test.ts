import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cim, decodeFrame } from './index.ts';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 300 });
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 4 });

const BODIES = {
  login: fc.record({ userId: number, ticket: text, agent: text }),
  welcome: fc.record({ userId: number, epoch: number, idleTimeoutMs: fc.nat(), instance: text }),
  send: fc.record({ to: number, group: text, producer: text, counter: number, content: bytes }),
  receipt: fc.record({
    to: number,
    group: text,
    producer: text,
    counter: number,
    outcome: fc.nat(3),
    seq: number,
  }),
  delivered: fc.record({ to: number, seq: number }),
  deliver: fc.record({ group: text, entries: list(fc.record({ seq: number, prev: text, content: bytes })) }),
  ack: fc.record({ group: text, seq: number }),
  resume: fc.record({ cursors: list(fc.record({ group: text, seq: number, id: text })) }),
  resumed: fc.record({ streams: list(fc.record({ group: text, answer: fc.nat(3), from: number })) }),
  ping: fc.constant({}),
  pong: fc.constant({}),
  goaway: fc.record({ reason: fc.nat(20), text, reconnect: fc.boolean(), afterMs: fc.nat() }),
  error: fc.record({ code: text, text }),
  counters: fc.record({ counters: list(fc.record({ to: number, producer: text, counter: number })) }),
};

/** An ack whose body length is encoded in `size` bytes. */
function padLength(size: number, body: Uint8Array): Uint8Array {
  const length = Array.from({ length: size }, (_, i) => ((body.length >> (7 * i)) & 0x7f) | 0x80).map(
    (byte, i) => (i < 4 ? byte : 0x80),
  );
  length[size - 1] = 0;
  return Uint8Array.of(0xb2, 0x01, ...length, ...body);
}

/** The frame encoded again, with the name of its body: two frames are equal when these are. */
const said = (frame: cim.Frame) => [
  frame.body,
  Buffer.from(cim.Frame.encode(frame).finish()).toString('hex'),
];

const outcome = (decode: (bytes: Uint8Array) => cim.Frame, encoded: Uint8Array) => {
  try {
    return said(decode(encoded));
  } catch {
    return 'no frame';
  }
};

for (const [name, body] of Object.entries(BODIES))
  test(`a frame with ${name} is read as the generated decoder reads it`, () => {
    fc.assert(
      fc.property(body as fc.Arbitrary<object>, (content) => {
        const encoded = cim.Frame.encode({ [name]: content }).finish();
        assert.deepEqual(said(decodeFrame(encoded)), said(cim.Frame.decode(encoded)));
        assert.equal(decodeFrame(encoded).body, name);
      }),
      { numRuns: 50 },
    );
  });

test('a frame with any of its bytes changed: as the generated decoder', () => {
  const any = fc.oneof(
    ...Object.entries(BODIES).map(([name, body]) =>
      (body as fc.Arbitrary<object>).map((content) => cim.Frame.encode({ [name]: content }).finish()),
    ),
    BODIES.send.map((send) => cim.Frame.encode({ send }).finish()),
  );
  fc.assert(
    fc.property(any, fc.nat(), fc.nat(255), (frame, at, byte) => {
      const changed = Buffer.from(frame);
      changed[at % frame.length] = byte;
      assert.deepEqual(
        outcome(decodeFrame, changed),
        outcome((all) => cim.Frame.decode(all), changed),
      );
    }),
    { numRuns: 5_000 },
  );
});

test('frames of CIM, of several bodies, with fields of a newer proto, and what is no frame: as the generated decoder', () => {
  const pieces = fc.oneof(
    ...Object.entries(BODIES).map(([name, body]) =>
      (body as fc.Arbitrary<object>).map((content) => cim.Frame.encode({ [name]: content }).finish()),
    ),
    fc.record({ text, cmd: fc.nat(3) }).map((frame) => cim.Frame.encode(frame).finish()),
    // A varint length that is longer than necessary.
    fc
      .tuple(fc.constantFrom(5, 6, 10), bytes)
      .map(([size, unknown]) => padLength(size, cim.Ack.encode({ group: String(unknown) }).finish())),
    // A frame with body number 30, which cim.proto does not define.
    bytes.map((unknown) =>
      Uint8Array.of(0xf2, 0x01, ...cim.RpcFrame.encode({ payload: unknown }).finish().slice(1)),
    ),
    bytes,
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 3 }), fc.nat(400), (parts, length) => {
      for (const encoded of [Buffer.concat(parts), Buffer.concat(parts).subarray(0, length)])
        assert.deepEqual(
          outcome(decodeFrame, encoded),
          outcome((all) => cim.Frame.decode(all), encoded),
        );
    }),
    { numRuns: 2_000 },
  );
});
