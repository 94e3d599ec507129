import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cim, encodeFrame, FrameDecoder, FrameError } from './index.ts';

/** Header and body, written by hand so that the codec is not its own judge. */
function frameOf(body: Uint8Array): Buffer {
  const header: number[] = [];
  let length = body.length;
  for (; length > 0x7f; length >>>= 7) header.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...header, length]), body]);
}

/** Decodes the chunks and copies each body, since a body is only a view. */
function decode(chunks: readonly Uint8Array[], limit = 1024 * 1024): Buffer[] {
  const decoder = new FrameDecoder(limit);
  const bodies: Buffer[] = [];
  for (const chunk of chunks) decoder.push(chunk, (body) => bodies.push(Buffer.from(body)) > 0);
  assert.equal(decoder.midFrame, false);
  return bodies;
}

const refusal = (reason: FrameError['reason']) => (error: unknown) =>
  error instanceof FrameError && error.reason === reason;

/** A stream whose frames have no body, one byte, and lengths around each change of the header's size. */
const lengths = [0, 1, 0, 127, 128, 129, 300, 0];
const bodies = lengths.map((length, i) => Buffer.alloc(length, i + 1));
const stream = Buffer.concat(bodies.map(frameOf));

describe('FrameDecoder', () => {
  test('cuts many frames out of one chunk', () => {
    assert.deepEqual(decode([stream]), bodies);
  });

  test('gives the same frames for a split at every byte offset', () => {
    for (let at = 0; at <= stream.length; at++)
      assert.deepEqual(decode([stream.subarray(0, at), stream.subarray(at)]), bodies, `split at ${at}`);
  });

  test('gives the same frames for two splits, at every pair of byte offsets', () => {
    const given = [8, 6, 0, 130, 1].map((length, i) => Buffer.alloc(length, i + 1));
    const bytes = Buffer.concat(given.map(frameOf));
    for (let from = 0; from <= bytes.length; from++)
      for (let to = from; to <= bytes.length; to++)
        assert.deepEqual(
          decode([bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)]),
          given,
          `splits at ${from} and ${to}`,
        );
  });

  test('gives the same frames byte by byte, with empty chunks between', () => {
    const chunks = [...stream].flatMap((byte) => [Buffer.from([byte]), Buffer.alloc(0)]);
    assert.deepEqual(decode(chunks), bodies);
  });

  test('gives the same frames for any bodies and any split', () => {
    const someBodies = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 0, max: 20_000 }).map((n) => new Uint8Array(n).fill(n)),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(someBodies, fc.array(fc.nat(), { maxLength: 30 }), (given, cuts) => {
        const bytes = Buffer.concat(given.map(frameOf));
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        assert.deepEqual(
          decode(chunks),
          given.map((body) => Buffer.from(body)),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test('survives any bytes: frames, or a FrameError, never another error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (chunks) => {
        const decoder = new FrameDecoder(64);
        try {
          for (const chunk of chunks) decoder.push(chunk, (body) => body.length <= 64);
        } catch (error) {
          assert.ok(error instanceof FrameError);
        }
      }),
    );
  });

  test('reads what encodeFrame writes', () => {
    const frame = encodeFrame(cim.Frame, { text: 'ping', cmd: cim.BaseCommand.PING });
    assert.deepEqual(
      decode([frame]).map((body) => cim.Frame.decode(body).text),
      ['ping'],
    );
    assert.deepEqual(decode([encodeFrame(cim.Frame, {})]), [Buffer.alloc(0)]);
  });

  test('refuses a frame over the limit on its header, before a byte of its body', () => {
    const decoder = new FrameDecoder(1_000);
    decoder.push(frameOf(Buffer.alloc(1_000)), () => true);
    assert.throws(
      () => decoder.push(frameOf(Buffer.alloc(1_001)).subarray(0, 2), () => true),
      refusal('frame-too-large'),
    );
  });

  test('refuses the largest length that five bytes can say', () => {
    const decoder = new FrameDecoder(2 ** 31);
    const push = () => decoder.push(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), () => true);
    assert.throws(
      push,
      (error) => error instanceof FrameError && error.message.includes(String(2 ** 35 - 1)),
    );
  });

  test('takes a length of five bytes that is within the limit', () => {
    assert.deepEqual(decode([Buffer.from([0x82, 0x80, 0x80, 0x80, 0x00, 7, 8])]), [Buffer.from([7, 8])]);
  });

  test('refuses a length of more than five bytes, whatever the split', () => {
    for (let at = 0; at < 5; at++) {
      const decoder = new FrameDecoder(1_000);
      const bytes = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
      const push = () => {
        decoder.push(bytes.subarray(0, at), () => true);
        decoder.push(bytes.subarray(at), () => true);
      };
      assert.throws(push, refusal('bad-frame'));
    }
  });

  test('applies a limit that onFrame sets to the next frame of the same chunk', () => {
    const decoder = new FrameDecoder(10);
    const seen: number[] = [];
    const push = () =>
      decoder.push(
        Buffer.concat([frameOf(Buffer.alloc(5)), frameOf(Buffer.alloc(500)), frameOf(Buffer.alloc(501))]),
        (body) => {
          decoder.limit = 500;
          return seen.push(body.length) > 0;
        },
      );
    assert.throws(push, refusal('frame-too-large'));
    assert.deepEqual(seen, [5, 500]);
  });

  test('hands over nothing more of a chunk once onFrame answers false', () => {
    const decoder = new FrameDecoder(10);
    let seen = 0;
    decoder.push(Buffer.concat([frameOf(Buffer.alloc(1)), frameOf(Buffer.alloc(1))]), () => ++seen < 1);
    assert.equal(seen, 1);
  });

  test('says whether a frame is under way, in its header and in its body', () => {
    const decoder = new FrameDecoder(1_000);
    const states = [...frameOf(Buffer.alloc(200))].map((byte) => {
      decoder.push(Buffer.from([byte]), () => true);
      return decoder.midFrame;
    });
    assert.deepEqual(states, [...new Array<boolean>(201).fill(true), false]);
  });

  test('calls onFrame on the given receiver', () => {
    const self = { total: 0 };
    function add(this: typeof self, body: Uint8Array): boolean {
      this.total += body.length;
      return true;
    }
    new FrameDecoder(1_000).push(stream, add, self);
    assert.equal(
      self.total,
      lengths.reduce((a, b) => a + b),
    );
  });

  test('keeps little for a peer that announces much and sends one byte', () => {
    const header = frameOf(Buffer.alloc(64 * 1024)).subarray(0, 4);
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 10_000 }, () => {
      const decoder = new FrameDecoder(64 * 1024);
      decoder.push(header, () => true);
      return decoder;
    });
    const each = (process.memoryUsage().arrayBuffers - before) / decoders.length;
    assert.ok(each <= 512, `${each} bytes each`);
    assert.ok(decoders.every((decoder) => decoder.midFrame));
  });

  test('never holds more for a body than its announced length', () => {
    const length = 1_000_000;
    const bytes = frameOf(Buffer.alloc(length));
    const decoder = new FrameDecoder(1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < bytes.length - 1; at += 1_000)
      decoder.push(bytes.subarray(at, Math.min(at + 1_000, bytes.length - 1)), () => true);
    let whole = 0;
    decoder.push(bytes.subarray(bytes.length - 1), (body) => {
      whole = body.buffer.byteLength;
      return true;
    });
    assert.equal(whole, length);
    assert.ok(process.memoryUsage().arrayBuffers - before <= 4 * length);
  });
});
