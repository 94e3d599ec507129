import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Message } from '@cim/client/node';
import { within } from './guarded.ts';
import { History } from '../files/history.ts';
import { Ignored } from '../options/ignored.ts';
import { plainPaint } from '../screen/paint.ts';
import { Received } from './received.ts';
import type { Screen } from '../screen/screen.ts';
import { type Names, type Said, View } from '../screen/view.ts';

let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-received-'));
  log = join(folder, 'alice.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

const messageOf = (id: string, ...texts: string[]): Message =>
  ({
    stream: 'group:lobby',
    seq: 1,
    id,
    from: { userId: 1001, userName: 'bob' },
    texts,
    storedAt: 0,
    group: 'lobby',
    conversation: 'globby',
  }) as unknown as Message;

/** A process that shows messages; `onFlush` is when the kernel has what is on the screen. */
function start(
  view: View = plain,
  onFlush: (shown: string[]) => void = () => undefined,
): [Received, string[]] {
  const shown: string[] = [];
  const screen = {
    print: (lines: readonly string[]) => shown.push(...lines),
    flush: () => onFlush(shown),
  } as unknown as Screen;
  return [
    new Received({
      screen,
      view,
      plainView: view,
      history: new History(log),
      names,
      ignored: new Ignored(['mallory']),
    }),
    shown,
  ];
}

const names: Names = { userName: (id) => `user ${id}`, groupName: (id) => `group ${id}` };
const plain = new View(plainPaint, false, () => 0);
const written = (): string[] => readFileSync(log, 'utf8').split('\n').slice(0, -1);

describe('a received message', () => {
  it('is on the screen before it is in the history', () => {
    const [received, shown] = start(plain, (lines) => {
      assert.match(lines.join(), /bob: hello$/);
      assert.throws(written, /ENOENT/);
    });
    assert.equal(received.show(messageOf('m1', 'hello')), true);
    assert.equal(shown.length, 1);
    assert.match(written().join(), /bob: hello\tgroup:lobby\/m1$/);
  });

  it('of somebody who is ignored is neither shown nor written, and is done with', () => {
    const [received, shown] = start();
    const message = { ...messageOf('m1', 'hello'), from: { userId: 1002, userName: 'Mallory' } };
    assert.equal(received.show(message as unknown as Message), false);
    assert.deepEqual(shown, []);
    assert.throws(written, /ENOENT/);
  });

  it('that comes again after a kill is neither shown nor written again', () => {
    start()[0].show(messageOf('m1', 'hello'));
    const [again, shown] = start();
    assert.equal(again.show(messageOf('m1', 'hello')), false);
    assert.equal(again.show(messageOf('m2', 'next')), true);
    assert.equal(shown.length, 1);
    assert.equal(written().length, 2);
  });

  it('of a process that was killed before it wrote the history is shown by the next one', () => {
    const [killed] = start(plain, () => {
      throw new Error('killed');
    });
    assert.throws(() => killed.show(messageOf('m1', 'hello')));
    const [again, shown] = start();
    assert.equal(again.show(messageOf('m1', 'hello')), true);
    assert.equal(shown.length, 1);
    assert.equal(written().length, 1);
  });

  it('has the same id as one of another stream and is shown all the same', () => {
    const [received, shown] = start();
    received.show(messageOf('m1', 'to everybody'));
    assert.equal(received.show({ ...messageOf('m1', 'to you'), stream: 'inbox:7' }), true);
    assert.equal(shown.length, 2);
    assert.equal(written().length, 2);
  });

  it('with several texts is one line of the history', () => {
    start()[0].show(messageOf('m1', 'one', 'two\nlines'));
    assert.equal(written().length, 1);
    assert.match(written().join(), /bob: one\u23cetwo\u23celines\tgroup:lobby\/m1$/);
  });

  it('that cannot be shown becomes a line that says so, and those behind it are shown', () => {
    class Poisoned extends View {
      override said(said: Said): string[] {
        if (said.text === 'throws') throw new Error('what?');
        if (said.text === 'freezes') for (;;);
        return super.said(said);
      }
    }
    const [received, shown] = start(new Poisoned(plainPaint, false, () => 0));
    for (const text of ['throws', 'freezes', 'fine']) received.show(messageOf(`id-${text}`, text));
    assert.deepEqual(shown.slice(0, 2), [
      '* a message of user 1001 cannot be shown here: what?',
      '* a message of user 1001 cannot be shown here: it took longer than 1000 ms',
    ]);
    assert.match(shown[2] ?? '', /bob: fine$/);
    assert.equal(written().length, 3, 'so that it does not come again');
  });
});

describe('guarded work', () => {
  it('answers and throws as it does by itself', () => {
    assert.equal(
      within(1_000, () => 7),
      7,
    );
    assert.throws(
      () =>
        within(1_000, () => {
          throw new TypeError('mine');
        }),
      TypeError,
    );
  });

  it('is interrupted in the middle of a regular expression', () => {
    const ends = '\r\n'.repeat(60);
    // eslint-disable-next-line local/one-way-to-match -- it has to be slow
    const slow = /^(\r\n|[\r\n])*$/;
    assert.throws(() => within(50, () => slow.test(`${ends}x`)), /longer than 50 ms/);
  });
});

describe('an event about a message', () => {
  const from = { userId: 1001, userName: 'bob' };
  const eventOf = (event: string, value: object): Parameters<Received['showEvent']>[0] =>
    ({
      event,
      value: {
        stream: 'group:17',
        conversation: 'g17',
        seq: 2,
        id: 'e1',
        from,
        group: '17',
        ref: 'm1',
        storedAt: 0,
        ...value,
      },
    }) as unknown as Parameters<Received['showEvent']>[0];
  const lines: [string, object, RegExp][] = [
    ['recalled', {}, /#group 17: bob took a message back$/],
    ['edited', { texts: ['hello', 'again'] }, /#group 17: bob changed a message to: hello again$/],
    ['reaction', { reaction: ':)' }, /bob reacts to a message: :\)$/],
    ['reaction', { reaction: '' }, /bob took a reaction back$/],
    ['members', { op: 'add', users: [{ userId: 1002, userName: 'carol' }] }, /#group 17: bob added carol$/],
    ['members', { op: 'leave', users: [from] }, /#group 17: bob left$/],
    ['members', { op: 'something-new', users: [] }, /bob changed the group$/],
  ];
  for (const [event, value, line] of lines)
    it(`is one line: ${event} ${JSON.stringify(value)}`, () => {
      const [received, shown] = start();
      assert.equal(received.showEvent(eventOf(event, value)), true);
      assert.match(shown.join(), line);
    });

  it('is shown and written once', () => {
    const [received] = start();
    received.showEvent(eventOf('recalled', {}));
    const [again, shown] = start();
    assert.equal(again.showEvent(eventOf('recalled', {})), false);
    assert.deepEqual(shown, []);
    assert.equal(written().length, 1);
  });

  it('of the lobby, or of a private conversation, names no group', () => {
    const [received, shown] = start();
    received.showEvent(eventOf('recalled', { group: 'lobby' }));
    received.showEvent(eventOf('recalled', { group: undefined, id: 'e2' }));
    for (const line of shown) assert.match(line, /\* bob took a message back$/);
  });
});
