import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { frameOf, openConnection, Told } from '../test/connection.ts';
import { until } from '../test/until.ts';
import { Heartbeat, TimingWheel } from './index.ts';

describe('Heartbeat', () => {
  const wheel = new TimingWheel({ tickMs: 5 });
  wheel.start();
  after(() => wheel.stop());

  test('closes a channel that never said anything as idle, not before its time', async () => {
    const { channel, peer, told } = await openConnection(new Told());
    peer.resume();
    peer.once('end', () => peer.end());
    const since = channel.lastHeard;
    new Heartbeat(channel, wheel, { idleTimeoutMs: 60 });
    await until(() => channel.closed !== undefined, 'the close');
    assert.ok(performance.now() - since >= 60);
    await until(() => told.closes.length > 0, 'onClose');
    assert.deepEqual(told.closes, [{ reason: 'idle', detail: undefined }]);
  });

  test('counts from the last bytes that came, half a frame too', async () => {
    const { channel, peer, close } = await openConnection(new Told());
    new Heartbeat(channel, wheel, { idleTimeoutMs: 200 });
    const started = performance.now();
    for (const byte of frameOf('12345678')) {
      peer.write(Buffer.from([byte]));
      await until(() => channel.lastHeard > performance.now() - 10, 'a byte');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(performance.now() - started > 400);
    assert.equal(channel.closed, undefined);
    await until(() => channel.closed === 'idle', 'the close');
    close();
  });

  test('reads what came during a pause of the process before it finds anybody idle', async () => {
    const { channel, peer, told, close } = await openConnection(new Told());
    new Heartbeat(channel, wheel, { idleTimeoutMs: 100 });
    peer.write(frameOf('in time'));
    // Nothing runs for longer than the timeout, as when the process was stopped or worked on something long.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    await until(() => told.frames.length > 0, 'the frame');
    assert.equal(channel.closed, undefined);
    await until(() => channel.closed === 'idle', 'the close');
    close();
  });

  test('closes a channel that pings but does not read as slow-consumer', async () => {
    const { channel, peer, close } = await openConnection(new Told(), {
      outboxSoftBytes: 1024 * 1024,
      outboxHardBytes: 100 * 1024 * 1024,
    });
    channel.send(frameOf('z'.repeat(50 * 1024 * 1024)));
    new Heartbeat(channel, wheel, { idleTimeoutMs: 1_000, stallTimeoutMs: 100 });
    const pinging = setInterval(() => peer.write(frameOf('ping')), 10);
    const started = performance.now();
    await until(() => channel.closed !== undefined, 'the close');
    assert.equal(channel.closed, 'slow-consumer');
    assert.ok(performance.now() - started >= 95);
    clearInterval(pinging);
    close();
  });

  test('pings after its time without a write, again and again, and not while frames are written', async () => {
    const { channel, peer, close } = await openConnection(new Told());
    let pings = 0;
    peer.resume();
    new Heartbeat(channel, wheel, {
      pingAfterMs: 150,
      ping: () => {
        pings++;
        channel.send(frameOf('ping'));
      },
    });
    const started = performance.now();
    while (performance.now() - started < 300) {
      channel.send(frameOf('busy'));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(pings, 0);
    await until(() => pings === 2, 'two pings');
    assert.ok(performance.now() - channel.lastWrote < 100);
    close();
  });

  test('does nothing after stop', async () => {
    const { channel, close } = await openConnection(new Told());
    const stopped = new Heartbeat(channel, wheel, { idleTimeoutMs: 20 });
    stopped.stop();
    const other = await openConnection(new Told());
    new Heartbeat(other.channel, wheel, { idleTimeoutMs: 40 });
    await until(() => other.channel.closed === 'idle', 'a later one');
    assert.equal(channel.closed, undefined);
    close();
    other.close();
  });
});
