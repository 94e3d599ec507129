import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Recipient, ScheduledMessage, SendTime } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import { parseLine } from '../commands/parse-line.ts';
import { Later } from './later.ts';
import { plainPaint } from '../screen/paint.ts';
import type { Screen } from '../screen/screen.ts';
import { View } from '../screen/view.ts';

let scheduled: ScheduledMessage[];
let lines: string[];
let failures: number;
let full: boolean;
let later: Later;

beforeEach(() => {
  scheduled = [];
  lines = [];
  failures = 0;
  full = false;
  let ids = 0;
  later = new Later({
    client: {
      scheduled: {
        send: (to: Recipient, text: string, when: SendTime) => {
          if (full) return Promise.reject(new CimError('tooManyScheduled'));
          const [id, name] = [`id-${++ids}`, 'user' in to ? 'bob' : to.group];
          const sendAt = 'sendAfter' in when ? when.sendAfter * 1_000 : 0;
          scheduled.push({ id, to, name, texts: [text], type: '', sendAt, state: 'waiting' });
          return Promise.resolve({ id, sendAt });
        },
        list: () => Promise.resolve(scheduled),
        cancel: (id: string) => {
          scheduled = scheduled.filter((one) => one.id !== id);
          return Promise.resolve();
        },
      } as never,
    },
    screen: { print: (printed: string[]) => void lines.push(...printed) } as unknown as Screen,
    view: new View(plainPaint, false, () => 0),
    recipientOf: ({ kind }, here) => {
      assert.equal(here, 'globby');
      return Promise.resolve(
        kind === 'private' ? { user: 1002 } : { group: kind === 'here' ? 'lobby' : '17' },
      );
    },
    failed: () => failures++,
    notice: (text) => void lines.push(text),
  });
});

const run = async (line: string): Promise<string[]> => {
  lines = [];
  assert.equal(await later.run(parseLine(line), 'globby'), true, line);
  return lines;
};

describe('what is to be said later', () => {
  it('goes to everybody, to one, or to a group, and is said with its number', async () => {
    assert.deepEqual(await run(':delay good night 60'), ['in 60 s: good night (":cancel 1" takes it back)']);
    assert.deepEqual(await run(':delay bob;;hi 5'), ['in 5 s: bob;;hi (":cancel 2" takes it back)']);
    await run(':delay #team;;lunch 9');
    assert.deepEqual(
      scheduled.map(({ to, texts, sendAt }) => [to, texts, sendAt]),
      [
        [{ group: 'lobby' }, ['good night'], 60_000],
        [{ user: 1002 }, ['hi'], 5_000],
        [{ group: '17' }, ['lunch'], 9_000],
      ],
    );
  });

  it('keeps its number while others are sent and cancelled', async () => {
    for (const text of ['one', 'two', 'three']) await run(`:delay ${text} 60`);
    assert.deepEqual(await run(':cancel 2'), ['number 2 is taken back']);
    assert.deepEqual(
      scheduled.map(({ texts }) => texts.join()),
      ['one', 'three'],
    );
    assert.match((await run(':delays')).join('\n'), /2 messages.*\n.*1 {2}.*one\n.*3 {2}.*three/);
    assert.deepEqual(await run(':cancel 9'), ['there is no number 9; ":delays" shows them']);
    assert.equal(scheduled.length, 2);
  });

  it('that cannot be scheduled is a message that was not sent', async () => {
    full = true;
    await assert.rejects(run(':delay good night 60'), { code: '9506' });
    assert.equal(failures, 1);
  });

  it('is listed with why it was not sent, and hostile texts in one clean line', async () => {
    await run(':delay bob;;hi 5');
    const problem = { code: '9501', text: 'The recipient has blocked you' };
    scheduled = scheduled.map((one) => ({ ...one, texts: ['a\n\u001b[2Jb'], state: 'refused', problem }));
    await later.tellUnsent();
    assert.equal(lines.at(-1), '1 delayed message not sent; ":delays" says why');
    const [, line = '', ...more] = await run(':delays');
    assert.match(line, /to bob: a .*b \(not sent: The recipient has blocked you\)$/);
    assert.deepEqual([line.includes('\u001b'), more], [false, []]);
  });
});
