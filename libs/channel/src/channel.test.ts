import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { frameOf, openConnection, readAll, Told } from '../test/connection.ts';
import { TurnFlusher } from './index.ts';

describe('a channel that reads', () => {
  test('hands over frames whatever the split of the bytes, and notes when it heard', async () => {
    const { channel, peer, told, close } = await openConnection(new Told());
    const before = channel.lastHeard;
    const bytes = Buffer.concat(['one', '', 'x'.repeat(300)].map(frameOf));
    peer.write(bytes.subarray(0, 2));
    await until('the first bytes', () => channel.lastHeard > before);
    assert.deepEqual(told.frames, []);
    peer.write(bytes.subarray(2));
    await until('three frames', () => told.frames.length === 3);
    assert.deepEqual(told.frames, ['one', '', 'x'.repeat(300)]);
    close();
  });

  test('closes as frame-too-large on the header alone', async () => {
    const { peer, told, close } = await openConnection(new Told());
    peer.write(Buffer.concat([frameOf('ok'), Buffer.from([0xe9, 0x07])]));
    peer.resume();
    peer.once('end', () => peer.end());
    await until('the close', () => told.closes.length > 0);
    assert.deepEqual(told.closes, [
      { reason: 'frame-too-large', detail: 'a frame of 1001 bytes, 1000 are allowed' },
    ]);
    assert.deepEqual(told.frames, ['ok']);
    close();
  });

  test('closes as bad-frame when the bytes are of another protocol', async () => {
    const { peer, told, close } = await openConnection(new Told());
    peer.resume();
    peer.once('end', () => peer.end());
    peer.write(Buffer.alloc(4_096, 0xff));
    await until('the close', () => told.closes.length > 0);
    assert.equal(told.closes[0]?.reason, 'bad-frame');
    close();
  });

  test('hands over nothing while it is paused, not even what came with the frame before', async () => {
    class Pausing extends Told {
      pause: () => void = () => undefined;
      override onFrame(body: Uint8Array): void {
        super.onFrame(body);
        this.pause();
      }
    }
    const told = new Pausing();
    const { channel, peer, close } = await openConnection(told);
    told.pause = () => channel.pause();
    const texts = ['one', 'two', 'three', 'x'.repeat(500)];
    const bytes = Buffer.concat(texts.map(frameOf));
    peer.write(bytes.subarray(0, 15));
    for (let n = 1; n <= texts.length; n++) {
      await until(`frame ${n}`, () => told.frames.length === n);
      if (n === 2) peer.write(bytes.subarray(15));
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(told.frames, texts.slice(0, n));
      channel.resume();
    }
    channel.resume();
    peer.end();
    await until('the close', () => told.closes.length > 0);
    assert.deepEqual(told.frames, texts);
    close();
  });

  test('hands out frames that take long in slices, in order, and serves everybody else in between', async () => {
    /** The number of frames handed out in each turn of the event loop. */
    const turns = new Map<number, number>();
    let turn = 0;
    let counting = true;
    const count = (): void => {
      turn++;
      if (counting) setImmediate(count);
    };
    let frameMs = 0.1;
    class Slow extends Told {
      override onFrame(body: Uint8Array): void {
        super.onFrame(body);
        turns.set(turn, (turns.get(turn) ?? 0) + 1);
        for (const end = performance.now() + frameMs; performance.now() < end; );
      }
    }
    const { peer, told, close } = await openConnection(new Slow());
    setImmediate(count);
    const texts = Array.from({ length: 400 }, (_, n) => `frame ${n}`);
    // Each read takes less time than a slice, and one turn may have many reads.
    const long = Array.from({ length: 640 }, (_, n) => `${n}`.padEnd(998));
    peer.write(Buffer.concat(long.map(frameOf)));
    await until('the long frames', () => told.frames.length === long.length);
    assert.ok(Math.max(...turns.values()) <= 128, [...turns.values()].join());
    told.frames.length = 0;
    turns.clear();
    frameMs = 0.5;
    peer.write(Buffer.concat(texts.map(frameOf)));
    await until('all frames', () => told.frames.length === texts.length);
    peer.write(frameOf('the next read'));
    await until('the next read', () => told.frames.length > texts.length);
    counting = false;
    close();
    assert.deepEqual(told.frames, [...texts, 'the next read']);
    assert.ok(Math.max(...turns.values()) <= 64, [...turns.values()].join());
  });

  test('takes a longer frame after its limit was raised', async () => {
    const { channel, peer, told, close } = await openConnection(new Told());
    channel.setLimit(5_000);
    peer.write(frameOf('y'.repeat(5_000)));
    await until('the frame', () => told.frames.length === 1);
    close();
  });

  test('closes as error when onFrame throws, says what was thrown, and leaves other channels alone', async () => {
    class Throwing extends Told {
      override onFrame(): void {
        throw new Error('a fault of ours');
      }
    }
    const bad = await openConnection(new Throwing());
    const good = await openConnection(new Told());
    bad.peer.write(frameOf('x'));
    good.peer.write(frameOf('x'));
    await until('both', () => bad.told.closes.length > 0 && good.told.frames.length > 0);
    assert.deepEqual(bad.told.closes, [{ reason: 'error', detail: 'a callback failed: a fault of ours' }]);
    assert.equal((bad.told.unexpected[0] as Error).message, 'a fault of ours');
    assert.equal(good.channel.closed, undefined);
    bad.close();
    good.close();
  });

  test('warns, and does not end the process, when nobody takes what a callback threw', async () => {
    const closed: string[] = [];
    const { peer, close } = await openConnection({
      onFrame: () => {
        throw new Error('nobody takes it');
      },
      onClose: (reason: string) => closed.push(reason),
    });
    const warned = once(process, 'warning') as Promise<[Error]>;
    peer.write(frameOf('x'));
    assert.equal((await warned)[0].message, 'nobody takes it');
    await until('the close', () => closed.length > 0);
    close();
  });

  test('hands over nothing after its owner closed it within onFrame', async () => {
    class Closing extends Told {
      override onFrame(body: Uint8Array): void {
        super.onFrame(body);
        connection.channel.close('unauthorized');
      }
    }
    const connection = await openConnection(new Closing());
    connection.peer.write(Buffer.concat([frameOf('first'), frameOf('second')]));
    await once(connection.peer.resume(), 'end');
    connection.peer.end(frameOf('third'));
    await until('the close', () => connection.told.closes.length > 0);
    assert.deepEqual(connection.told.frames, ['first']);
    assert.equal(connection.told.closes[0]?.reason, 'unauthorized');
  });
});

describe('a channel that writes', () => {
  test('makes one write of all that was sent in a turn, in order', async () => {
    const { channel, socket, peer, close } = await openConnection(new Told());
    const written: number[] = [];
    const write = socket.write.bind(socket);
    socket.write = (bytes: Uint8Array) => {
      written.push(bytes.length);
      return write(bytes);
    };
    for (const text of ['a', 'bb', 'ccc']) assert.equal(channel.send(frameOf(text)), true);
    assert.equal(channel.queuedBytes, 9);
    const [chunk] = (await once(peer, 'data')) as [Buffer];
    assert.deepEqual(chunk, Buffer.concat(['a', 'bb', 'ccc'].map(frameOf)));
    assert.deepEqual(written, [9]);
    assert.equal(channel.queuedBytes, 0);
    close();
  });

  test('writes the bytes of a single frame as they are, without a copy', async () => {
    const { channel, socket, close } = await openConnection(new Told());
    const frame = frameOf('shared');
    let seen: unknown;
    socket.write = (bytes: unknown) => (seen = bytes) !== undefined;
    channel.send(frame);
    await until('the write', () => seen !== undefined);
    assert.equal(seen, frame);
    close();
  });

  test('answers false over the soft limit and calls onDrain once the peer has read', async () => {
    const { channel, peer, told, close } = await openConnection(new Told(), {
      outboxSoftBytes: 1024 * 1024,
      outboxHardBytes: 64 * 1024 * 1024,
    });
    const frame = frameOf('z'.repeat(100_000));
    let total = 0;
    // The kernel buffers some megabytes itself, so the test writes until the kernel takes no more.
    for (let open = true; open; ) {
      open = channel.send(frame);
      total += frame.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(channel.queuedBytes > 1024 * 1024);
    assert.ok(channel.stalledSince !== undefined);
    assert.equal(channel.send(frame), false);
    total += frame.length;
    assert.equal(told.drains, 0);
    let read = 0;
    peer.on('data', (chunk: Buffer) => (read += chunk.length));
    await until('the drain', () => told.drains === 1 && read === total);
    assert.equal(channel.stalledSince, undefined);
    assert.equal(channel.send(frame), true);
    close();
  });

  test('drains with a soft limit far below the socket’s own buffer', async () => {
    const { channel, peer, told, close } = await openConnection(new Told(), { outboxSoftBytes: 10 });
    assert.equal(channel.send(frameOf('more than ten bytes')), false);
    await until('the drain', () => told.drains === 1);
    assert.equal(channel.send(frameOf('few')), true);
    peer.resume();
    close();
  });

  test('closes as slow-consumer over the hard limit and frees what was queued', async () => {
    const { channel, told, close } = await openConnection(new Told(), { outboxHardBytes: 1_000 });
    assert.equal(channel.send(frameOf('x'.repeat(900))), true);
    assert.equal(channel.send(frameOf('x'.repeat(900))), false);
    assert.equal(channel.closed, 'slow-consumer');
    assert.equal(told.closes.length, 0);
    await until('the close', () => told.closes.length > 0);
    assert.equal(told.closes[0]?.reason, 'slow-consumer');
    assert.equal(channel.queuedBytes, 0);
    close();
  });

  test('calls flushed back when the kernel has taken the bytes, and not before', async () => {
    const { channel, peer, close } = await openConnection(new Told(), {
      outboxSoftBytes: 100 * 1024 * 1024,
      outboxHardBytes: 100 * 1024 * 1024,
    });
    const taken: string[] = [];
    channel.send(frameOf('small'));
    channel.flushed(() => taken.push('small'));
    assert.equal(taken.length, 0);
    await until('the small one', () => taken.length === 1);

    channel.send(frameOf('z'.repeat(50 * 1024 * 1024)));
    channel.flushed(() => taken.push('large'));
    await new Promise(setImmediate);
    assert.ok(channel.queuedBytes > 0);
    // Nothing is queued in the channel now, but the socket still holds bytes; this callback waits for those.
    channel.flushed(() => taken.push('asked later'));
    await new Promise(setImmediate);
    assert.deepEqual(taken, ['small']);
    peer.resume();
    await until('the large one', () => taken.length === 3);
    assert.deepEqual(taken, ['small', 'large', 'asked later']);

    channel.flushed(() => taken.push('nothing queued'));
    assert.equal(taken.length, 3);
    await until('the last', () => taken.length === 4);
    close();
  });

  test('never calls flushed back for bytes that the connection did not outlive', async () => {
    const { channel, peer, told } = await openConnection(new Told(), {
      outboxSoftBytes: 100 * 1024 * 1024,
      outboxHardBytes: 100 * 1024 * 1024,
    });
    let taken = false;
    channel.send(frameOf('z'.repeat(50 * 1024 * 1024)));
    channel.flushed(() => (taken = true));
    await new Promise(setImmediate);
    channel.flushed(() => (taken = true));
    peer.resetAndDestroy();
    await until('the close', () => told.closes.length > 0);
    channel.flushed(() => (taken = true));
    await new Promise(setImmediate);
    assert.equal(taken, false);
  });

  test('ignores what is sent after it closed', async () => {
    const { channel, peer, close } = await openConnection(new Told());
    channel.close('draining');
    assert.equal(channel.send(frameOf('late')), false);
    assert.deepEqual(await readAll(peer), Buffer.alloc(0));
    close();
  });

  test('survives an onDrain and a flushed callback that throw', async () => {
    for (const where of ['drain', 'flushed'] as const) {
      const flusher = new TurnFlusher();
      const told = new Told();
      const events = {
        onFrame: () => {},
        onClose: (reason: string, detail?: string) => told.onClose(reason, detail),
        onUnexpected: (error: unknown) => told.onUnexpected(error),
        onDrain: () => {
          throw new Error('a fault of ours');
        },
      };
      const bad = await openConnection(events, { flusher, outboxSoftBytes: where === 'drain' ? 1 : 1_000 });
      const good = await openConnection(new Told(), { flusher });
      bad.channel.send(frameOf('xx'));
      if (where === 'flushed') bad.channel.flushed(events.onDrain);
      good.channel.send(frameOf('y'));
      await once(good.peer, 'data');
      await until('the close', () => told.closes.length > 0);
      assert.equal(told.closes[0]?.reason, 'error');
      assert.equal(told.unexpected.length, 1);
      bad.close();
      good.close();
    }
  });
});

describe('the end of a channel', () => {
  test('close sends what is queued, then the last frame, then ends; onClose comes once, later', async () => {
    const { channel, peer, told } = await openConnection(new Told());
    channel.send(frameOf('queued'));
    channel.close('superseded', frameOf('last'));
    channel.close('idle', frameOf('never'));
    assert.equal(channel.closed, 'superseded');
    assert.equal(told.closes.length, 0);
    assert.deepEqual(await readAll(peer), Buffer.concat([frameOf('queued'), frameOf('last')]));
    peer.end();
    await until('the close', () => told.closes.length > 0);
    await new Promise(setImmediate);
    assert.deepEqual(told.closes, [{ reason: 'superseded', detail: undefined }]);
    assert.match(channel.remote, /^127\.0\.0\.1:\d+$/);
  });

  test('a flushed callback of what close still sent runs before onClose', async () => {
    const order: string[] = [];
    const { channel, peer } = await openConnection({
      onFrame: () => {},
      onClose: () => order.push('closed'),
    });
    channel.send(frameOf('x'));
    channel.flushed(() => order.push('flushed'));
    channel.close('draining');
    await readAll(peer);
    peer.end();
    await until('both', () => order.length === 2);
    assert.deepEqual(order, ['flushed', 'closed']);
  });

  test('cuts off a peer that does not close its side within a second', async () => {
    const { channel, peer, told, close } = await openConnection(new Told(), { allowHalfOpen: true });
    peer.resume();
    const before = performance.now();
    channel.close('logged-out');
    await until('the close', () => told.closes.length > 0);
    assert.ok(performance.now() - before >= 990);
    assert.equal(told.closes[0]?.reason, 'logged-out');
    close();
  });

  test('keeps its reason when the last frame no longer fits', async () => {
    const { channel, peer, told } = await openConnection(new Told(), { outboxHardBytes: 100 });
    channel.send(frameOf('x'.repeat(90)));
    channel.close('superseded', frameOf('y'.repeat(20)));
    assert.deepEqual(await readAll(peer), frameOf('x'.repeat(90)));
    peer.end();
    await until('the close', () => told.closes.length > 0);
    assert.equal(told.closes[0]?.reason, 'superseded');
  });

  for (const allowHalfOpen of [false, true])
    test(`is closed when the peer ended, in the middle of a frame too (half-open ${String(allowHalfOpen)})`, async () => {
      const { channel, peer, told } = await openConnection(new Told(), { allowHalfOpen });
      peer.end(frameOf('whole').subarray(0, 3));
      await until('the close', () => told.closes.length > 0);
      assert.deepEqual(told.closes, [{ reason: 'closed', detail: undefined }]);
      assert.equal(channel.closed, 'closed');
    });

  test('is error when the peer reset the connection, with the code for the log', async () => {
    const { channel, peer, told } = await openConnection(new Told());
    channel.send(frameOf('x'));
    peer.resetAndDestroy();
    await until('the close', () => told.closes.length > 0);
    assert.deepEqual(told.closes, [{ reason: 'error', detail: 'ECONNRESET' }]);
    assert.equal(channel.send(frameOf('x')), false);
  });

  test('is told also when the socket was gone before the channel was made', async () => {
    const first = await openConnection(new Told());
    first.socket.destroy();
    await once(first.socket, 'close');
    const told = new Told();
    const { Channel } = await import('./index.ts');
    const channel = new Channel(first.socket, { limit: 10, flusher: new TurnFlusher(), events: told });
    assert.equal(told.closes.length, 0);
    await until('the close', () => told.closes.length > 0);
    assert.equal(channel.closed, 'closed');
  });

  test('survives an onClose that throws', async () => {
    const unexpected: unknown[] = [];
    const { peer } = await openConnection({
      onFrame: () => {},
      onClose: () => {
        throw new Error('a fault of ours');
      },
      onUnexpected: (error: unknown) => unexpected.push(error),
    });
    peer.end();
    await until('the fault', () => unexpected.length === 1);
  });
});
