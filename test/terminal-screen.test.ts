/** The full screen of the terminal client in real terminals of several sizes, against the standalone server. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, ServerProcess, Terminal, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SIZES = [
  [40, 15],
  [80, 24],
  [200, 50],
] as const;

let folder: string;
let server: ServerProcess;
let env: Record<string, string>;
let terminals: Terminal[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-full-screen-'));
  const [route, tcp, http, internal] = (await freePorts(4)).map(String);
  env = {
    CIM_ROUTE_PORT: route ?? '',
    CIM_TCP_PORT: tcp ?? '',
    CIM_HTTP_PORT: http ?? '',
    CIM_ROUTE_INTERNAL_PORT: internal ?? '',
    CIM_DATA_DIR: join(folder, 'data'),
  };
  server = await ServerProcess.start('standalone', env);
});

afterEach(async () => {
  await Promise.all(terminals.map((terminal) => terminal.stop()));
  terminals = [];
});

after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

/** Turns pages until the screen shows something. A page that is not loaded yet turns nothing. */
const pages = (terminal: Terminal, key: 'PageUp' | 'PageDown', wanted: RegExp): Promise<void> =>
  until(`${wanted}`, async () => {
    if (wanted.test(await terminal.screen())) return true;
    await terminal.press(key);
    return false;
  });

for (const [columns, rows] of SIZES)
  describe(`on ${columns} columns and ${rows} rows`, () => {
    it('conversations have areas, and the status row tells what is unread where', async () => {
      const name = `a${columns}`;
      const alice = await openChat(name, columns, rows);
      const bob = await openChat(`b${columns}`, columns, rows);
      await alice.enter('hello everybody');
      await alice.until(/hello everybody \u2713/);
      await bob.until(new RegExp(`^\\d\\d:\\d\\d ${name}: hello everybody(?: +\u2502.*)?$`, 'm'));
      await bob.enter(`${name};;for you ;; only`);
      await alice.until(new RegExp(`\\[2:b${columns} 1\\]`));
      assert.doesNotMatch(await alice.screen(), /for you/);
      await alice.press('M-2');
      await alice.until(/for you ;; only$/m);
      await alice.enter('an answer');
      await alice.until(/an answer \u2713\u2713/);
      assert.doesNotMatch(await bob.screen(), /an answer/);
      await bob.enter(`:to ${name}`);
      await bob.until(/for you ;; only \u2713/);
      await bob.until(/an answer$/m);
      await alice.press('M-1');
      const lobby = await alice.until(/hello everybody/);
      assert.doesNotMatch(lobby, /an answer/);
      assert.equal(lobby.split('\n').length, rows, 'nothing scrolls away above');
    });
  });

describe('a line being typed', () => {
  it('stays whole under a burst of 500 messages, with the cursor where it was', async () => {
    const alice = await openChat('alice', 80, 24);
    const { userId } = await post('/registerAccount', { userName: 'burst' });
    const typed = 'half a line, 你好 👨‍👩‍👧 and more, ';
    const count = 500;
    const sending = (async () => {
      for (let i = 0; i < count; i += 25)
        await Promise.all(
          Array.from({ length: 25 }, (_, j) => post('/groupRoute', { userId, msg: `burst ${i + j}.` })),
        );
    })();
    for (const letter of typed) await alice.type(letter);
    await sending;
    const screen = await alice.until(
      (shown) => shown.includes('everybody> half') && /burst 4\d\d\./.test(shown),
    );
    const last = screen.split('\n').at(-1) ?? '';
    assert.equal(last.trimEnd(), `everybody> ${typed}`.trimEnd());
    // The cursor is where the terminal itself has come to: 11 of the prompt, then 你好 4 and the family 2.
    assert.deepEqual(await alice.cursor(), { column: 11 + 13 + 4 + 1 + 2 + 11, row: 23 });
    await alice.type('the end');
    await alice.press('Enter');
    await alice.until(/and more, the end \u2713/);
  });

  it('is wrapped, edited in its middle, and whole after the window has another size', async () => {
    const alice = await openChat('alice', 80, 24);
    const words = 'some words that are typed here and are longer than the narrow window is wide';
    await alice.type(words);
    await alice.until('is wide');
    await alice.resize(40, 15);
    await alice.until(
      (screen) => squeeze(screen).endsWith(squeeze(`everybody> ${words}`)) && lines(screen) === 15,
    );
    await alice.press('Home');
    await alice.type('now ');
    await alice.resize(200, 50);
    await alice.until((screen) => screen.endsWith(`everybody> now ${words}`) && lines(screen) === 50);
    await alice.press('Enter');
    await alice.until(`now ${words} \u2713`);
  });

  it('gets a second line with Alt-Enter, and both are one message', async () => {
    const alice = await openChat('alice', 80, 24);
    const bob = await openChat('bob', 80, 24);
    await alice.type('above');
    await alice.press('M-Enter');
    await alice.type('belo');
    await alice.press('Up', 'End', 'Down', 'End');
    await alice.type('w');
    await alice.until(/^everybody> above\nbelow$/m);
    assert.doesNotMatch(await bob.screen(), /above/);
    await alice.press('Enter');
    await bob.until(/alice: above\n {6}below$/m);
  });

  it('may be several lines that were pasted, which are one message', async () => {
    const alice = await openChat('alice', 80, 24);
    const bob = await openChat('bob', 80, 24);
    const twenty = Array.from({ length: 20 }, (_, i) => `row ${i}`).join('\n');
    await alice.paste(twenty);
    await alice.until('20 lines pasted');
    await alice.press('n');
    await alice.until((screen) => !screen.includes('pasted'));
    await alice.paste(twenty);
    await alice.until('20 lines pasted');
    await alice.press('y');
    await alice.until(/^row 19$/m);
    assert.doesNotMatch(await bob.screen(), /row \d/);
    await alice.press('Enter');
    const seen = await bob.until(/^ +row 19$/m);
    assert.match(seen, /alice: row 0\n +row 1\n/);
  });
});

describe('a conversation', () => {
  it('has what both sides said from the start, older messages with PageUp, and its users beside it', async () => {
    await post('/registerAccount', { userName: 'zoe' });
    const bob = await openChat('bob', 80, 24);
    const { userId } = await post('/registerAccount', { userName: 'mallory' });
    for (let i = 0; i < 120; i++) await post('/groupRoute', { userId, msg: `number ${i}.` });
    await bob.enter('zoe;;are you there?');
    await bob.until(/^ {2}-> zoe: are you there\?$/m);
    const zoe = await openChat('zoe', 200, 50);
    await zoe.until(/number 119\./);
    await zoe.until(/\u2502bob/);
    await zoe.until(/\[\d:bob 1\]/);
    await zoe.enter(':to bob');
    await zoe.until(/\d\d:\d\d bob: are you there\?$/m);
    await zoe.enter('yes');
    await zoe.until(/zoe: yes \u2713/);
    await zoe.enter(':q');
    await zoe.until('[exit 0]');
    const again = await openChat('zoe', 80, 24);
    await again.enter(':to bob');
    await again.until(/bob: are you there\?\n\d\d:\d\d zoe: yes$/m);
    await again.press('M-1');
    await again.until(/number 119\./);
    await pages(again, 'PageUp', /number [1-3]\d\./);
    await post('/groupRoute', { userId, msg: 'zoe, down here' });
    const above = await again.until(/\u21931/);
    assert.doesNotMatch(above, /down here/);
    await pages(again, 'PageDown', /mallory: zoe, down here/);
  });

  it('shows nothing of somebody who is ignored', async () => {
    const alice = await openChat('alice', 80, 24);
    const { userId } = await post('/registerAccount', { userName: 'noisy' });
    await alice.enter(':ignore Noisy');
    await alice.until('nothing of Noisy is shown');
    await post('/groupRoute', { userId, msg: 'noise' });
    const { userId: other } = await post('/registerAccount', { userName: 'mallory' });
    await post('/groupRoute', { userId: other, msg: 'after it' });
    assert.doesNotMatch(await alice.until('after it'), /noisy: noise/);
    await alice.enter(':q');
    await alice.until('[exit 0]');
    const again = await openChat('alice', 80, 24);
    assert.doesNotMatch(await again.until('mallory: after it'), /noisy: noise/);
    await again.enter(':unignore noisy');
    await again.until('is shown again');
  });
});

describe('typing', () => {
  it('is helped by Tab, by what was typed before and by Ctrl-R, in the next terminal too', async () => {
    const alice = await openChat('alice', 80, 24);
    const zoltan = await openChat('Zoltan', 80, 24);
    await zoltan.enter('good morning');
    await alice.until('Zoltan: good morning');
    await alice.enter('good morning to you');
    await alice.type('zol');
    await alice.press('Tab');
    await alice.until('everybody> Zoltan;;');
    await alice.enter('hello there');
    await alice.until('-> Zoltan: hello there');
    await alice.enter(':q');
    await alice.until('[exit 0]');
    const again = await openChat('alice', 80, 24);
    await again.press('C-r');
    await again.type('hello');
    await again.until('search "hello": Zoltan;;hello there');
    await again.press('Enter');
    await again.until('everybody> Zoltan;;hello there');
    await again.press('C-c');
    await again.press('Up', 'Up');
    await again.until('everybody> Zoltan;;hello there');
  });

  it('changes, finds and reacts', async () => {
    const alice = await openChat('alice', 80, 24);
    const bob = await openChat('bob', 80, 24);
    await alice.enter('a mistkae');
    await bob.until(/alice: a mistkae$/m);
    await alice.enter(':edit a mistake');
    await alice.until(/alice: a mistake \(changed\)/);
    await bob.until(/alice: a mistake \(changed\)$/m);
    await bob.enter(':react :thumbsup:');
    await alice.until(/a mistake \(changed\) {2}👍 1/);
    await bob.enter(':me waves');
    await alice.until(/\d\d:\d\d \* bob waves$/m);
    await alice.enter(':search MISTAKE');
    await alice.until(/1 message of everybody with "MISTAKE"/);
    await alice.enter(':serach x');
    await alice.until('is it ":search"?');
  });
});

describe('hostile texts', () => {
  it('command no terminal, in texts, names of groups and what is pasted', async () => {
    const alice = await openChat('alice', 80, 24);
    const { userId } = await post('/registerAccount', { userName: 'mallory' });
    await post('/groupRoute', {
      userId,
      msg: 'a\u001b[2Jb\u001b]0;owned\u0007\u202ec\nsecond line\u009b31m',
    });
    const screen = await alice.until('second line');
    assert.match(screen, /mallory: a\ufffd\[2Jb\ufffd\]0;owned\ufffd\ufffdc\n {6}second line\ufffd31m/);
    await alice.paste('x\u0007\u202ey\u009b');
    await alice.until('everybody> x\ufffd\ufffdy\ufffd');
    await alice.press('C-c');
    for (const unit of ['\r\n', 'a\u0301', '\u200d', '👨‍👩‍👧', '你', '; ', ':a'])
      await post('/groupRoute', {
        userId,
        msg: `${unit.repeat(Math.floor(8_000 / Buffer.byteLength(unit)))}x`,
      });
    await post('/groupRoute', { userId, msg: 'the next one' });
    await alice.until(/mallory: the next one$/m);
    assert.equal(lines(await alice.screen()), 24);
  });
});

describe('the terminal', () => {
  it('is given back on leaving and on SIGTERM', async () => {
    const alice = await openInShell('alice');
    await alice.press('C-c');
    await alice.until('press Ctrl-C again to quit');
    await alice.press('C-c');
    await backInShell(alice);
    await openInShell('alice', alice);
    await alice.enter(':q');
    await backInShell(alice);
    await openInShell('alice', alice);
    await alice.press('C-z');
    await alice.until(/Stopped/);
    await alice.enter('kill -TERM %1; fg');
    await backInShell(alice);
  });

  it('comes back with Ctrl-Z and fg, as it was', async () => {
    const alice = await openInShell('alice');
    await alice.type('half a line');
    await alice.until('everybody> half a line');
    await alice.press('C-z');
    await alice.until(/Stopped/);
    await alice.enter('echo $((20 + 1))');
    const shell = await alice.until(/^21$/m);
    assert.doesNotMatch(shell, /half a line/);
    await alice.enter('fg');
    await alice.until('everybody> half a line');
    await alice.type(' goes on');
    await alice.press('Enter');
    await alice.until(/half a line goes on \u2713/);
  });

  it('gets lines only where it can do no more, or the person wants it', async () => {
    const flags = { env: { ...xdg(), TERM: 'dumb' } };
    const dumb = await Terminal.start(chatCommand('dora'), { cwd: ROOT, ...flags });
    terminals.push(dumb);
    await dumb.until('connected to');
    await dumb.enter('hello');
    await dumb.until(/dora: hello \u2713/);
    const plain = await Terminal.start([...chatCommand('pia'), '--plain'], { cwd: ROOT, env: xdg() });
    terminals.push(plain);
    await plain.until('pia>');
    await plain.enter(':to dora');
    await plain.until(/what you type goes to dora now/);
    await plain.enter('to you');
    await dumb.until(/pia \(private\): to you/);
  });
});

describe('a server that is killed', () => {
  it('is seen in the status row; what is typed meanwhile is sent once when it is back', async () => {
    const alice = await openChat('alice', 80, 24);
    const bob = await openChat('bob', 80, 24);
    await server.end();
    await alice.until('alice OFFLINE');
    await alice.enter('while it is down');
    await alice.until(/while it is down \u00b7/);
    server = await ServerProcess.start('standalone', env);
    await alice.until(/while it is down \u2713/);
    await alice.until('alice online');
    const seen = await bob.until(/while it is down$/m);
    assert.equal(seen.split('while it is down').length, 2);
  });
});

describe('a text behind a :to that finds nobody', () => {
  it('goes to nobody', async () => {
    const alice = await openChat('alice', 80, 24);
    const bob = await openChat('bob', 80, 24);
    await alice.type(':to nobody-here\nsecret\n');
    await alice.until(/not sent: the ":to" before it found nobody/);
    await alice.enter('for all');
    assert.doesNotMatch(await bob.until('for all'), /secret/);
  });
});

const squeeze = (text: string): string => text.replace(/\s/g, '');
const lines = (screen: string): number => screen.split('\n').length;

const xdg = (): Record<string, string> => ({
  XDG_CONFIG_HOME: join(folder, 'config'),
  XDG_STATE_HOME: join(folder, 'xdg-state'),
});

const chatCommand = (name: string): string[] => [
  process.execPath,
  join(ROOT, 'dist/cli-client.js'),
  ...['--route', server.routeUrl, '--state-dir', join(folder, 'state'), '--name', name],
];

async function openChat(name: string, columns: number, rows: number): Promise<Terminal> {
  const terminal = await Terminal.start(chatCommand(name), { cwd: ROOT, columns, rows, env: xdg() });
  terminals.push(terminal);
  await terminal.until('everybody>');
  return terminal;
}

async function openInShell(name: string, before?: Terminal): Promise<Terminal> {
  const shell =
    before ??
    (await Terminal.start(['bash', '--norc', '--noprofile', '-i'], {
      cwd: ROOT,
      env: { ...xdg(), PS1: 'shell% ' },
    }));
  if (before === undefined) terminals.push(shell);
  await shell.until((screen) => screen.endsWith('shell%'));
  await shell.enter(`clear; ${chatCommand(name).join(' ')}`);
  await shell.until('everybody>');
  return shell;
}

async function backInShell(shell: Terminal): Promise<void> {
  await shell.until((screen) => screen.endsWith('shell%') && !screen.includes('everybody>'), 10_000);
  await shell.enter('clear; stty -a | grep -q " icanon" && echo cooked');
  await shell.until(/^cooked\nshell%$/m, 10_000);
}

async function post(path: string, body: object): Promise<{ userId: number }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.routeUrl + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { code: string; dataBody: { userId: number } | null };
  assert.ok(['9000', '7000'].includes(answer.code), JSON.stringify(answer));
  return answer.dataBody ?? { userId: 0 };
}
