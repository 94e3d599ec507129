import assert from 'node:assert/strict';
import { readFile } from 'node:fs';
import { after, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { frameOf, openConnection, Told } from '../test/connection.ts';
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
    await until('the close', () => channel.closed !== undefined);
    assert.ok(performance.now() - since >= 60);
    await until('onClose', () => told.closes.length > 0);
    assert.deepEqual(told.closes, [{ reason: 'idle', detail: undefined }]);
  });

  test('counts from the last bytes that came, half a frame too', async () => {
    const { channel, peer, close } = await openConnection(new Told());
    new Heartbeat(channel, wheel, { idleTimeoutMs: 1_000 });
    const started = performance.now();
    for (const byte of frameOf('12345678')) {
      const before = channel.lastHeard;
      peer.write(Buffer.from([byte]));
      await until('a byte', () => channel.lastHeard > before);
      await new Promise((resolve) => setTimeout(resolve, 130));
    }
    assert.ok(performance.now() - started > 1_000);
    assert.equal(channel.closed, undefined);
    await until('the close', () => channel.closed === 'idle');
    close();
  });

  test('reads what came during a pause of the process before it finds anybody idle', async () => {
    // The pause may fall into any phase of the event loop.
    const phases: ((go: () => void) => void)[] = [
      (go) => setTimeout(go, 1),
      (go) => setImmediate(go),
      (go) => {
        readFile(import.meta.filename, go);
      },
    ];
    for (const phase of phases) {
      const { channel, peer, told, close } = await openConnection(new Told());
      new Heartbeat(channel, wheel, { idleTimeoutMs: 100 });
      phase(() => {
        peer.write(frameOf('in time'));
        // The thread is blocked for longer than the timeout, as when the process was stopped or had long
        // work.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      });
      await until('the frame or the close', () => told.frames.length > 0 || channel.closed !== undefined);
      assert.equal(channel.closed, undefined);
      await until('the close', () => channel.closed === 'idle');
      close();
    }
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
    await until('the close', () => channel.closed !== undefined);
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
      pingAfterMs: 1_000,
      ping: () => {
        pings++;
        channel.send(frameOf('ping'));
      },
    });
    const started = performance.now();
    while (performance.now() - started < 1_500) {
      channel.send(frameOf('busy'));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(pings, 0);
    await until('two pings', () => pings === 2);
    assert.ok(performance.now() - channel.lastWrote < 900);
    close();
  });

  test('does nothing after stop', async () => {
    const { channel, close } = await openConnection(new Told());
    const stopped = new Heartbeat(channel, wheel, { idleTimeoutMs: 20 });
    stopped.stop();
    const other = await openConnection(new Told());
    new Heartbeat(other.channel, wheel, { idleTimeoutMs: 40 });
    await until('a later one', () => other.channel.closed === 'idle');
    assert.equal(channel.closed, undefined);
    close();
    other.close();
  });
});
