import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Terminal } from '@cim/testkit';

const PROGRAM = fileURLToPath(new URL('../../test/screen-program.ts', import.meta.url));

let server: Server;
let terminal: Terminal;
let program: Socket;
let typed: string[];

beforeEach(async () => {
  typed = [];
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const { port } = server.address() as AddressInfo;
  const command = [process.execPath, '--import', 'tsx', PROGRAM, String(port)];
  terminal = await Terminal.start(command, { columns: 40, rows: 12 });
  const failed = terminal
    .until('[exit ', 600_000)
    .then((screen) => Promise.reject<Socket>(new Error(screen)));
  failed.catch(() => undefined); // later it ends as tests want it to
  program = await Promise.race([connected, failed]);
  program.on('error', () => undefined);
  createInterface({ input: program }).on('line', (line) => typed.push(JSON.parse(line) as string));
  await terminal.until('me>');
});

afterEach(async () => {
  await terminal.stop();
  program.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const print = (...lines: string[]): void => {
  program.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
};

async function untilTyped(count: number): Promise<string[]> {
  const end = Date.now() + 10_000;
  while (typed.length < count) {
    if (Date.now() > end) throw new Error(`typed: ${JSON.stringify(typed)}\n${await terminal.screen(true)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return typed;
}

describe('a line being typed', () => {
  it('stays whole below what is printed meanwhile', async () => {
    await terminal.type('half a li');
    await terminal.until('me> half a li');
    print('bob: one', 'bob: two');
    await terminal.until('bob: two');
    assert.equal(await terminal.screen(), 'bob: one\nbob: two\nme> half a li');
    await terminal.enter('ne');
    assert.deepEqual(await untilTyped(1), ['half a line']);
  });

  it('stays whole when it is wrapped over rows, with the cursor in its middle', async () => {
    const long = 'abcdefghij'.repeat(9);
    await terminal.type(long);
    await terminal.until((screen) => screen.includes('j\n') || screen.endsWith('j'));
    await terminal.press(...Array.from({ length: 45 }, () => 'Left'));
    print('bob: above');
    await terminal.until('bob: above');
    assert.equal((await terminal.screen()).replaceAll('\n', ''), `bob: aboveme> ${long}`);
    await terminal.type('XY');
    print('bob: again');
    await terminal.until('bob: again');
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), [`${long.slice(0, 45)}XY${long.slice(45)}`]);
  });

  it('stays whole when it fills its row to the last column', async () => {
    const exact = 'x'.repeat(36);
    await terminal.type(exact);
    await terminal.until(exact);
    print('bob: one');
    await terminal.until('bob: one');
    print('bob: two');
    await terminal.until('bob: two');
    assert.equal(await terminal.screen(), `bob: one\nbob: two\nme> ${exact}`);
    await terminal.enter('y');
    assert.deepEqual(await untilTyped(1), [`${exact}y`]);
  });

  it('stays whole with wide characters and emoji', async () => {
    const text = '你好世界'.repeat(6) + '😀🎉';
    await terminal.type(text);
    await terminal.until('😀🎉');
    print('bob: 消息');
    await terminal.until('bob: 消息');
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), [text]);
    await terminal.until((screen) => screen.trimEnd().endsWith('me>'));
    assert.equal(await terminal.screen(), 'bob: 消息\nme>');
  });

  it('takes text that is pasted into its middle where the cursor is', async () => {
    await terminal.type('startend');
    await terminal.until('startend');
    await terminal.press('Left', 'Left', 'Left');
    await terminal.type(' pasted text ');
    print('bob: meanwhile');
    await terminal.until('bob: meanwhile');
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), ['start pasted text end']);
  });

  it('survives a burst of hundreds of lines while it is typed', async () => {
    const words = 'the quick brown fox jumps over the lazy dog';
    for (const [i, letter] of [...words].entries()) {
      print(...Array.from({ length: 10 }, (_, n) => `bob: burst ${i * 10 + n}`));
      await terminal.type(letter);
    }
    await terminal.until(`burst ${words.length * 10 - 1}`);
    await terminal.until((screen) => screen.replaceAll('\n', '').endsWith(words));
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), [words]);
    const shown = [...(await terminal.screen(true)).matchAll(/^bob: burst (\d+)$/gm)].map((match) =>
      Number(match[1]),
    );
    assert.deepEqual(
      shown,
      Array.from({ length: words.length * 10 }, (_, n) => n),
    );
  });

  it('stays whole when the window is resized', async () => {
    await terminal.type('some words that are typed here');
    await terminal.until('typed here');
    await terminal.resize(24, 12);
    print('bob: narrow');
    await terminal.until('bob: narrow');
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), ['some words that are typed here']);
  });
});

describe('an entered line', () => {
  it('is taken off the screen, all of its rows', async () => {
    const long = 'word '.repeat(20).trim();
    print('bob: before');
    await terminal.until('bob: before');
    await terminal.enter(long);
    await untilTyped(1);
    print('me: said');
    await terminal.until('me: said');
    assert.equal(await terminal.screen(), 'bob: before\nme: said\nme>');
  });

  it('comes back with the key Up', async () => {
    await terminal.enter('again');
    await untilTyped(1);
    await terminal.press('Up', 'Enter');
    assert.deepEqual(await untilTyped(2), ['again', 'again']);
  });

  it('can hold several lines pasted at once', async () => {
    await terminal.type('one\ntwo\nthree\n');
    assert.deepEqual(await untilTyped(3), ['one', 'two', 'three']);
  });
});

describe('keys', () => {
  it('Tab completes commands, names and the options of :set', async () => {
    await terminal.type(':ol');
    await terminal.press('Tab', 'Enter');
    await terminal.type(':set be');
    await terminal.press('Tab');
    await terminal.enter('off');
    await terminal.type('zo');
    await terminal.press('Tab');
    await terminal.enter('hi');
    assert.deepEqual(await untilTyped(3), [':olu', ':set bell off', 'Zoe;;hi']);
  });

  it('Tab shows a bounded number of names', async () => {
    await terminal.type('n');
    await terminal.press('Tab', 'Tab');
    const screen = await terminal.until('n199;;');
    assert.doesNotMatch(screen, /n200;;/);
  });

  it('Ctrl-Z where no shell could bring it back leaves all as it was', async () => {
    await terminal.type('half a line that is wrapped over the row');
    await terminal.until((screen) => screen.replaceAll('\n', '').endsWith('the row'));
    await terminal.press('C-z');
    // For a tenth of a second the terminal itself may echo what is typed, so that the screen says nothing here.
    await terminal.type('s');
    await terminal.press('Enter');
    assert.deepEqual(await untilTyped(1), ['half a line that is wrapped over the rows']);
  });

  it('Ctrl-C interrupts and Ctrl-D ends, with the terminal as it was', async () => {
    await terminal.type('unfinished');
    await terminal.until('unfinished');
    await terminal.press('C-c');
    assert.match(await terminal.until('[exit '), /^\[exit 3\]$/m);
  });
});
