import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TimingWheel, type WheelEntry } from './index.ts';

/** A wheel with a clock that the test moves. */
function wheelAt(options: { tickMs?: number; slots?: number; onUnexpected?: (error: unknown) => void } = {}) {
  const clock = { now: 1_000 };
  const wheel = new TimingWheel({ tickMs: 10, slots: 8, ...options, now: () => clock.now });
  return {
    clock,
    wheel,
    pass: (ms: number) => {
      clock.now += ms;
      wheel.advance();
    },
  };
}

const entryOf = (onTimeout: () => void): WheelEntry => ({ onTimeout });

describe('TimingWheel', () => {
  test('never fires early and at most one tick late, also beyond one turn of the wheel', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ after: fc.integer({ min: 1, max: 30 }), delay: fc.integer({ min: 0, max: 400 }) }),
          { maxLength: 30 },
        ),
        (plan) => {
          const { clock, wheel, pass } = wheelAt();
          const late: number[] = [];
          for (const { after, delay } of plan) {
            pass(after);
            const due = clock.now + delay;
            wheel.schedule(
              entryOf(() => late.push(clock.now - due)),
              delay,
            );
          }
          for (let i = 0; i < 600; i++) pass(1);
          assert.equal(late.length, plan.length);
          // `after` moves the clock by up to 30 ms at a time, which may add that much delay.
          assert.ok(
            late.every((ms) => ms >= 0 && ms <= 10 + 30),
            String(late),
          );
        },
      ),
    );
  });

  test('is on time to the tick while it is advanced every millisecond', () => {
    for (const delay of [0, 1, 9, 10, 11, 79, 80, 81, 250]) {
      const { clock, wheel, pass } = wheelAt();
      pass(3);
      const due = clock.now + delay;
      let late = -1;
      wheel.schedule(
        entryOf(() => (late = clock.now - due)),
        delay,
      );
      for (let i = 0; i < 300 && late < 0; i++) pass(1);
      assert.ok(late >= 0 && late <= 10, `${delay} ms: ${late} ms late`);
    }
  });

  test('moves an entry that is scheduled again, and fires it once', () => {
    const { wheel, pass } = wheelAt();
    let fired = 0;
    const entry = entryOf(() => fired++);
    wheel.schedule(entry, 20);
    pass(15);
    wheel.schedule(entry, 50);
    pass(45);
    assert.equal(fired, 0);
    pass(20);
    pass(500);
    assert.equal(fired, 1);
  });

  test('does not fire a cancelled entry; cancelling twice or what never was is no error', () => {
    const { wheel, pass } = wheelAt();
    const entry = entryOf(() => assert.fail('cancelled'));
    wheel.cancel(entry);
    wheel.schedule(entry, 20);
    wheel.cancel(entry);
    wheel.cancel(entry);
    wheel.schedule(
      entryOf(() => assert.fail('never')),
      Number.POSITIVE_INFINITY,
    );
    pass(1_000);
  });

  test('lets an entry schedule itself, later ones of its tick be cancelled, and others be added, while it fires', () => {
    const { wheel, pass } = wheelAt();
    const fired: string[] = [];
    const again = entryOf(() => {
      fired.push('again');
      wheel.cancel(cancelled);
      wheel.schedule(again, 0);
      wheel.schedule(
        entryOf(() => fired.push('added')),
        0,
      );
    });
    const cancelled = entryOf(() => assert.fail('cancelled'));
    wheel.schedule(again, 5);
    wheel.schedule(cancelled, 5);
    pass(10);
    assert.deepEqual(fired, ['again']);
    pass(10);
    assert.deepEqual(fired, ['again', 'again', 'added']);
  });

  test('fires all that is due after a pause of any length, each once', () => {
    const { wheel, pass } = wheelAt();
    let fired = 0;
    for (let delay = 0; delay < 500; delay += 7)
      wheel.schedule(
        entryOf(() => fired++),
        delay,
      );
    wheel.schedule(
      entryOf(() => assert.fail('not yet')),
      1_000_000,
    );
    pass(500_000);
    assert.equal(fired, 72);
    pass(10);
    assert.equal(fired, 72);
  });

  test('answers an entry that fires the time that the wheel fires by', () => {
    const { clock, wheel, pass } = wheelAt();
    let time = 0;
    wheel.schedule(
      entryOf(() => {
        time = wheel.time;
      }),
      5,
    );
    pass(14);
    assert.equal(time, clock.now);
  });

  test('serves the other entries when one throws', () => {
    const unexpected: unknown[] = [];
    const { wheel, pass } = wheelAt({ onUnexpected: (error) => unexpected.push(error) });
    let fired = 0;
    wheel.schedule(
      entryOf(() => fired++),
      5,
    );
    const thrown = new Error('a fault of ours');
    wheel.schedule(
      entryOf(() => {
        throw thrown;
      }),
      5,
    );
    wheel.schedule(
      entryOf(() => fired++),
      5,
    );
    pass(10);
    assert.equal(fired, 2);
    assert.deepEqual(unexpected, [thrown]);
  });

  test('runs by itself between start and stop, and again after another start', async () => {
    const wheel = new TimingWheel({ tickMs: 2 });
    wheel.start();
    wheel.start();
    await new Promise<void>((resolve) => wheel.schedule(entryOf(resolve), 4));
    wheel.stop();
    wheel.stop();
    let fired = false;
    wheel.schedule(
      entryOf(() => (fired = true)),
      2,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(fired, false);
    wheel.start();
    await new Promise<void>((resolve) => wheel.schedule(entryOf(resolve), 2));
    assert.equal(fired, true);
    wheel.stop();
  });
});

test('entries that are due in one tick and take long fire over several passes of the event loop; one that is cancelled meanwhile does not', async () => {
  let ms = 0;
  const wheel = new TimingWheel({ tickMs: 10, now: () => ms });
  const fired: number[] = [];
  const entries: WheelEntry[] = Array.from({ length: 40 }, (_, i) => ({
    onTimeout: () => {
      fired.push(i);
      for (const begun = performance.now(); performance.now() - begun < 3; );
    },
  }));
  for (const entry of entries) wheel.schedule(entry, 10);
  ms = 10;
  wheel.advance();
  assert.ok(fired.length < 10, `${fired.length} fired at once`);
  wheel.cancel(entries[39] as WheelEntry);
  while (fired.length < 39) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    fired,
    Array.from({ length: 39 }, (_, i) => i),
  );
});
