import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Marks } from './marks.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
afterEach(() => mock.timers.reset());

function createMarks(online = true): { marks: Marks; shown: string[] } {
  const shown: string[] = [];
  const marks = new Marks({
    show: (line) => shown.push(line),
    online: () => online,
    nameOf: () => 'bob',
    now: Date.now,
  });
  return { marks, shown };
}

describe('marks of own lines', () => {
  it('say nothing of a send that is answered in 300 ms', () => {
    const { marks, shown } = createMarks();
    const answered = marks.sent('hello');
    mock.timers.tick(299);
    answered();
    mock.timers.tick(1_000);
    assert.deepEqual(shown, []);
  });

  it('say once what waits for longer, together', () => {
    const { marks, shown } = createMarks();
    for (const text of ['one', 'two', 'three\nlines']) marks.sent(text);
    mock.timers.tick(200);
    marks.sent('later');
    mock.timers.tick(100);
    assert.deepEqual(shown, ['· queued: three⏎lines (and 2 before)']);
    mock.timers.tick(200);
    assert.deepEqual(shown.slice(1), ['· queued: later']);
    mock.timers.tick(5_000);
    assert.equal(shown.length, 2);
  });

  it('say at once what waits for a connection', () => {
    const { marks, shown } = createMarks(false);
    marks.sent('hello');
    mock.timers.tick(1);
    assert.deepEqual(shown, ['· queued: hello']);
  });

  it('name what was delivered, briefly and together', () => {
    const { marks, shown } = createMarks();
    marks.stored(1, 'first');
    marks.delivered(1, 7);
    marks.delivered(2, 7);
    marks.stored(2, 'x'.repeat(100)); // its receipt came after
    marks.delivered(99, 7); // of nobody here
    mock.timers.tick(300);
    assert.deepEqual(shown, [`✓✓ delivered to bob: ${'x'.repeat(29)}… (and 1 before)`]);
  });

  it('remember the newest 4,096 texts', () => {
    const { marks, shown } = createMarks();
    for (let ref = 1; ref <= 4_097; ref++) marks.stored(ref, `text ${ref}`);
    marks.delivered(1, 7);
    marks.delivered(2, 7);
    mock.timers.tick(300);
    assert.deepEqual(shown, ['✓✓ delivered to bob: text 2']);
  });

  it('are silent when they are switched off', () => {
    const { marks, shown } = createMarks();
    marks.mode = 'less';
    marks.sent('hello');
    marks.stored(1, 'first');
    marks.delivered(1, 7);
    mock.timers.tick(1_000);
    assert.deepEqual(shown, []);
  });
});
