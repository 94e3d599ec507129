/** Two people in two real terminals with `--plain`, one stream of lines, against the standalone server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, ServerProcess, Terminal, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let server: ServerProcess;
/** The same at each start, so that clients find it again. */
let env: Record<string, string>;
let terminals: Terminal[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-test-'));
  const [route, tcp, http] = (await freePorts(3)).map(String);
  env = {
    CIM_ROUTE_PORT: route ?? '',
    CIM_TCP_PORT: tcp ?? '',
    CIM_HTTP_PORT: http ?? '',
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

describe('two people in two terminals', () => {
  it('talk to everybody and to each other, and see who is online', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await alice.enter('hello everybody');
    await alice.until(/alice: hello everybody ✓/);
    await bob.until(/alice: hello everybody$/m);
    await bob.enter('alice;;for you ;; only');
    await bob.until(/bob -> alice: for you ;; only ✓/);
    await alice.until(/bob \(private\): for you ;; only$/m);
    await alice.enter(':olu');
    await alice.until(/2 online\n +\d+ +alice \(you\)\n +\d+ +bob$/m);
    assert.doesNotMatch(
      await alice.screen(true),
      /> hello everybody/,
      'the typed line is shown once, as said',
    );
    assert.equal((await bob.screen(true)).match(/hello everybody/g)?.length, 1);
  });

  it('keep what they are typing while messages come in', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    const long = `${'a line that is longer than the terminal is wide '.repeat(3)}END`;
    await alice.type(long);
    await alice.until((screen) => squeeze(screen).endsWith('END'));
    await alice.press('Left', 'Left', 'Left');
    for (let i = 0; i < 20; i++) await bob.enter(`meanwhile ${i}`);
    const seen = await alice.until(/bob: meanwhile 19$/m);
    const shown = [...seen.matchAll(/bob: meanwhile (\d+)$/gm)].map((match) => Number(match[1]));
    assert.deepEqual(
      shown,
      Array.from({ length: 20 }, (_, i) => i),
    );
    await alice.until((screen) => squeeze(screen).endsWith(squeeze(`alice> ${long}`)));
    await alice.type('the ');
    await alice.press('Enter');
    const whole = `alice: ${long.slice(0, -3)}the END`;
    await bob.until((screen) => squeeze(screen).includes(squeeze(whole)));
  });

  it('never have their terminals commanded by a text', async () => {
    const alice = await openChat('alice');
    const { userId } = await post('/registerAccount', { userName: 'mallory' });
    await post('/groupRoute', {
      userId,
      msg: 'a\u001b[2Jb\u001b]0;owned\u0007\u202ec\nsecond line\u009b31m',
    });
    const screen = await alice.until('second line');
    assert.match(screen, /mallory: a\ufffd\[2Jb\ufffd\]0;owned\ufffd\ufffdc\n {2}│ second line\ufffd31m/);
    assert.match(screen, /connected to/, 'nothing was cleared');
  });

  it('are not frozen by a text made for it, now or after a restart', async () => {
    const alice = await openChat('alice');
    const { userId } = await post('/registerAccount', { userName: 'mallory' });
    for (const unit of ['\r\n', '\r', 'a\u0301', '\u200d', ':a', '; '])
      await post('/groupRoute', {
        userId,
        msg: `${unit.repeat(Math.floor(8_000 / Buffer.byteLength(unit)))}x`,
      });
    await post('/groupRoute', { userId, msg: `${'\r\n'.repeat(40)}x` });
    await post('/groupRoute', { userId, msg: 'the next one' });
    await alice.until(/mallory: the next one$/m);
    await alice.enter(':q');
    await alice.until('[exit 0]');
    await post('/groupRoute', { userId, msg: `${'\r\n'.repeat(40)}y` });
    await post('/groupRoute', { userId, msg: 'the one after' });
    const again = await openChat('alice');
    await again.until(/mallory: the one after$/m);
  });

  it('talk in a group that one of them makes, and see who is in it', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await post('/registerAccount', { userName: 'claire' });
    await alice.enter(':group new our team');
    await alice.until(/#our team is made \(id \d+\)/);
    await alice.enter(':invite bob');
    await alice.until(/bob is in #our team now/);
    await bob.until(/#our team: alice added bob|#\d+: alice added bob/);
    await alice.enter(':invite claire #our team');
    await alice.until(/claire is in #our team now/);
    await alice.enter('#our team;;for us ;; only');
    await alice.until(/alice #our team: for us ;; only \u2713/);
    await bob.until(/alice #our team: for us ;; only$/m);
    await bob.enter('#Our Team;;an answer');
    await alice.until(/bob #our team: an answer$/m);
    await alice.enter(':members');
    await alice.until(/#our team has 3 members[^]*alice, owner[^]*claire/);
    await bob.enter(':groups');
    await bob.until(/you are in 1 group[^]*#our team \(id \d+\): 3 members/);
    await bob.enter(':history #our team');
    await bob.until(/the newest \d+ messages with #our team[^]*for us ;; only[^]*an answer/);
    await alice.enter(':leave');
    await alice.until(/the owner cannot leave/);
    await alice.enter(':group remove claire #our team');
    await alice.until(/claire is not in #our team any more/);
    await bob.until(/#our team: alice removed claire/);
    await bob.enter(':leave our team');
    await bob.until(/you have left #our team/);
    await alice.until(/#our team: bob left/);
    await bob.enter('#our team;;am I heard?');
    await bob.until(/not sent: you are in no group "our team"/);
    await alice.enter(':invite bob #our team');
    await alice.until(/bob is in #our team now[^]*bob is in #our team now/);
    await alice.enter(':group transfer bob #our team');
    await alice.until(/bob owns #our team now/);
    await bob.until(/#our team: alice made owner: bob/);
    await bob.enter(':group disband #our team');
    await bob.until(/#our team is disbanded/);
    await alice.until(/#our team: bob disbanded the group/);
    await alice.enter('#nothing;;hi');
    await alice.until(/not sent: you are in no group "nothing"; :groups lists yours/);
  });

  it('write to somebody who is offline, take it back, and see both sides of what was said', async () => {
    const dave = await openChat('dave');
    await dave.enter(':q');
    await dave.until('[exit 0]');
    const alice = await openChat('alice');
    await alice.enter('dave;;first');
    await alice.until(/alice -> dave: first \u2713/);
    await alice.enter('dave;;a mistake');
    await alice.until(/alice -> dave: a mistake \u2713/);
    await alice.enter(':recall');
    await alice.until(/your last message is taken back/);
    await alice.enter('nobody-of-that-name;;hi');
    await alice.until(/not sent: nobody is called "nobody-of-that-name"/);
    const again = await openChat('dave');
    await again.until(/alice took a message back/);
    await again.enter('alice;;I saw that');
    await alice.until(/dave \(private\): I saw that$/m);
    await alice.enter(':history dave');
    await alice.until(/with dave\n[^\n]*alice: first\n[^\n]*alice: \(taken back\)\n[^\n]*dave: I saw that/);
    await alice.enter(':devices');
    await alice.until(/you are logged in with 1 device\n[^\n]+connected/);
  });

  it('block somebody, whose private lines are refused until it is unblocked', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await alice.enter(':block bob');
    await alice.until(/bob can send you nothing any more/);
    await alice.enter(':blocks');
    await alice.until(/you have blocked 1 user\n[^\n]*bob/);
    await bob.enter('alice;;can you hear me?');
    await bob.until(/can you hear me\?[^]*blocked you/);
    await bob.enter('everybody can');
    await alice.until(/bob: everybody can$/m);
    await alice.enter(':unblock bob');
    await alice.until(/bob can send to you again/);
    await bob.enter('alice;;and now?');
    await alice.until(/bob \(private\): and now\?$/m);
  });

  it('never say to everybody what was meant as a command or for one', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    const unsaid = ['/quit now', 'bob; my secret', 'nobody-here; my secret', '／help', '：qq', ' :nothing'];
    for (const line of unsaid) await alice.enter(line);
    await alice.enter('bob；；to you alone');
    await alice.enter('I agree; go on');
    const screen = await bob.until(/alice: I agree; go on$/m);
    assert.match(screen, /alice \(private\): to you alone$/m);
    assert.doesNotMatch(screen, /secret|quit|help|qq|nothing/);
    const told = squeeze(await alice.screen(true));
    assert.ok(told.includes(squeeze('for a private message type "bob;;my secret"')), told);
    assert.ok(told.includes(squeeze('":say /quit now" says it to everybody')), told);
  });

  it('see how far their lines have come, as much as they like', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await alice.enter(':olu');
    await alice.until(/2 online/);
    await alice.type('half a li');
    await bob.enter('alice;;hello');
    await bob.until(/bob -> alice: hello ✓\n {2}✓✓ delivered to alice: hello$/m);
    await alice.type('ne');
    await alice.press('Enter');
    await alice.until(/alice: half a line ✓$/m);
    await bob.enter(':marks less');
    await bob.until(/marks are less/);
    await bob.enter('alice;;once more');
    await alice.until(/bob \(private\): once more$/m);
    await bob.enter(':marks off');
    await bob.until(/marks are off/);
    await bob.enter('plainly');
    const screen = await bob.until(/bob: plainly$/m);
    assert.match(screen, /once more ✓/);
    assert.equal(screen.match(/✓✓/g)?.length, 1, 'the first delivery alone');
  });

  it('lose nothing when the server is killed while they talk', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await bob.enter('before');
    await alice.until(/bob: before$/m);
    await server.end();
    await alice.until(/\* not connected: /);
    await bob.until(/\* not connected: /);
    await bob.enter('while it is down');
    await bob.until(/^ {2}· queued: while it is down$/m);
    server = await ServerProcess.start('standalone', env);
    await alice.until(/\* connected again/, 30_000);
    await bob.until(/bob: while it is down ✓/, 30_000);
    await alice.until(/bob: while it is down$/m);
    await bob.enter('alice;;and after');
    await alice.until(/bob \(private\): and after$/m);
    const seen = await alice.screen(true);
    for (const text of ['bob: before', 'bob: while it is down', 'and after'])
      assert.equal(seen.split(text).length, 2, `${text} once`);
  });

  it('find what was not answered when they left sent again at the next start', async () => {
    const alice = await openChat('alice');
    const bob = await openChat('bob');
    await server.end();
    await bob.until(/\* not connected: /);
    await bob.enter('said in vain?');
    await bob.until(/· queued: said in vain\?$/m);
    await bob.enter(':q');
    await bob.until('[exit 1]');
    server = await ServerProcess.start('standalone', env);
    await alice.until(/\* connected again/, 30_000);
    const again = await openChat('bob');
    await again.until(/1 message of last time not answered then: sent again now/);
    await again.until(/bob: said in vain\? ✓$/m);
    await alice.until(/bob: said in vain\?$/m);
  });

  it('get what was said to them while they were away', async () => {
    const first = await openChat('alice');
    const bob = await openChat('bob');
    await first.enter(':q');
    await first.until('[exit 0]');
    await bob.enter('everybody but alice');
    await bob.until(/everybody but alice ✓/);
    const again = await openChat('alice');
    await again.until(/bob: everybody but alice$/m);
    await again.enter(':history 1');
    await again.until(/the newest 1 message kept\n\S+ bob: everybody but alice$/m);
  });
});

describe('a suspended chat', () => {
  it('comes back as it was, with npm around it, and gets what was said meanwhile', async () => {
    const bob = await openChat('bob');
    const shell = await Terminal.start(['bash', '--norc', '--noprofile', '-i'], {
      cwd: ROOT,
      columns: 100,
      env: { PS1: 'shell% ' },
    });
    terminals.push(shell);
    await shell.until('shell%');
    const flags = [
      '--plain',
      '--name',
      'carl',
      '--route',
      server.routeUrl,
      '--state-dir',
      join(folder, 'state'),
    ];
    await shell.enter(`npm run -s chat -- ${flags.join(' ')}`);
    await shell.until('carl>', 60_000);
    for (const again of [1, 2]) {
      await shell.type(`half a line ${again}`);
      await shell.until(`carl> half a line ${again}`);
      await shell.press('C-z');
      await shell.until((screen) => screen.split('Stopped').length > again && screen.endsWith('shell%'));
      await shell.enter(`echo $((20 + ${again}))`);
      await shell.until(new RegExp(`^2${again}$`, 'm'));
      await bob.enter(`meanwhile ${again}`);
      await bob.until(`meanwhile ${again} ✓`);
      await shell.enter('fg');
      await shell.until(new RegExp(`bob: meanwhile ${again}$`, 'm'), 60_000);
      await shell.type(' goes on');
      await shell.press('Left', 'Left', 'Enter');
      await bob.until(new RegExp(`carl: half a line ${again} goes on$`, 'm'));
    }
    await shell.enter(':q');
    await shell.until((screen) => screen.endsWith('shell%'));
  });
});

describe('leaving', () => {
  it('by Ctrl-C, Ctrl-D or :q ends with 0 and frees the name at once', async () => {
    for (const leave of ['C-c', 'C-d', ':q', ':q!']) {
      const alice = await openChat('alice');
      if (leave.startsWith(':')) await alice.enter(leave);
      else await alice.press(leave);
      await alice.until('[exit 0]');
    }
  });

  it('by closing the window logs out too', async () => {
    const alice = await openChat('alice');
    const name = readdirSync(join(folder, 'state')).find((file) => file.endsWith('-alice.json')) ?? '';
    assert.notEqual(name, '');
    const session = (): string =>
      (JSON.parse(readFileSync(join(folder, 'state', name), 'utf8')) as { session: string }).session;
    assert.notEqual(session(), '');
    await alice.stop();
    await until('the session is ended, not left', () => session() === '');
  });
});

describe('what goes wrong is said in one line', () => {
  const failing = async (args: readonly string[], line: RegExp, columns = 160): Promise<void> => {
    const terminal = await openTerminal(args, columns);
    const screen = await terminal.until('[exit ');
    const [said = '', status, ...more] = screen.split('\n');
    assert.match(said, line);
    assert.equal(status, '[exit 1]');
    assert.deepEqual(more, []);
  };

  it('a name that is in use', async () => {
    await openChat('alice');
    await failing(
      ['--name', 'alice', '--state-dir', join(folder, 'elsewhere')],
      /^chat: "alice" is logged in already/,
    );
  });

  it('a name with another password', async () => {
    await post('/registerAccount', { userName: 'carol', password: 'the right one' });
    const file = join(folder, 'password');
    writeFileSync(file, 'wrong\n');
    await failing(
      ['--name', 'carol', '--password-file', file],
      /^chat: the name "carol" is taken by an account with another/,
    );
  });

  it('a password that is asked for, and shown nowhere', async () => {
    await post('/registerAccount', { userName: 'paula', password: 'the right one' });
    const wrong = await openTerminal(['--name', 'paula']);
    await wrong.until('password of paula:');
    await wrong.enter('the wrong one');
    assert.doesNotMatch(await wrong.until('[exit 1]'), /the wrong one/);
    const left = await openTerminal(['--name', 'paula']);
    await left.until('password of paula:');
    await left.press('C-c');
    assert.match(await left.until('[exit 1]'), /chat: no password was given/);
    const right = await openTerminal(['--name', 'paula']);
    await right.until('password of paula:');
    await right.enter('the right one');
    assert.doesNotMatch(await right.until('connected to'), /the right one/);
    await right.enter('hello');
    await right.until(/paula: hello \u2713/);
    const state = join(folder, 'state');
    for (const name of ['', ...readdirSync(state).filter((one) => one.includes('paula'))])
      assert.equal(statSync(join(state, name)).mode & 0o077, 0, name);
    const warned = await openTerminal(['--name', 'paula', '--password', 'the wrong one']);
    await warned.until(/--password shows the secret to everybody/);
  });

  it('a server that is not there', async () => {
    const [port = 0] = await freePorts(1);
    const line = new RegExp(
      `^chat: cannot reach the route at http://127.0.0.1:${port}: connection refused; is the server`,
    );
    await failing(['--name', 'dave', '--route', `http://127.0.0.1:${port}`], line);
  });

  it('a route of CIM itself, which is left with nobody logged in', async () => {
    const cim = await startCimRoute();
    const line = new RegExp(
      `^chat: the route at ${cim.url} is CIM's own: its logins have no ticket .* \\(nobody is logged in\\)$`,
    );
    try {
      for (const name of ['erin', 'erin', 'frank']) {
        await failing(['--name', name, '--route', cim.url], line, 250);
        assert.deepEqual([...cim.loggedIn], []);
      }
      assert.equal(cim.logins(), 3);
    } finally {
      await cim.stop();
    }
  });

  it('a name that is none', async () => {
    await failing(['--name', 'not a name'], /^chat: "not a name" is no name: it may hold letters/);
  });
});

describe('in a pipe', () => {
  it('sends its lines, waits until they are stored, and ends with 0', async () => {
    const bob = await openChat('bob');
    const lines = Array.from({ length: 200 }, (_, i) => `piped ${i}`);
    const end = await pipe('pia', `${lines.join('\n')}\nbob;;the end\n`);
    assert.equal(end.code, 0, end.errors);
    assert.equal(end.errors, '');
    assert.equal(end.output.match(/pia: piped \d+ ✓/g)?.length, 200);

    assert.doesNotMatch(end.output, /\u001b/);
    // Two streams: neither waits for the other.
    await bob.until(/pia \(private\): the end$/m);
    const seen = await bob.until(/pia: piped 199$/m);
    assert.deepEqual(
      [...seen.matchAll(/pia: (piped \d+)$/gm)].map((match) => match[1]),
      lines,
    );
  });

  it('ends with 1 when a message was refused', async () => {
    const end = await pipe('pia', '999999999;;hello\n');
    assert.equal(end.code, 1);
    assert.equal(end.errors, 'chat: 1 message not sent\n');
  });
});

/** A route that speaks CIM's contract and nothing else, with its memory of who is logged in. */
async function startCimRoute(): Promise<{
  readonly url: string;
  readonly loggedIn: ReadonlySet<number>;
  logins(): number;
  stop(): Promise<void>;
}> {
  const ids = new Map<string, number>();
  const loggedIn = new Set<number>();
  let logins = 0;
  const answer = (
    path: string,
    { userId = 0, userName = '' }: { userId?: number; userName?: string },
  ): object => {
    if (path === '/registerAccount') {
      const id = ids.get(userName) ?? 1_700_000_000_000 + ids.size;
      ids.set(userName, id);
      return { code: '9000', message: 'Success', dataBody: { userId: id, userName } };
    }
    if (path === '/offLine') {
      loggedIn.delete(userId);
      return { code: '9000', message: 'Success', dataBody: null };
    }
    if (loggedIn.has(userId)) return { code: '5000', message: 'Repeat login', dataBody: null };
    loggedIn.add(userId);
    logins++;
    return {
      code: '9000',
      message: 'Success',
      dataBody: { ip: '127.0.0.1', cimServerPort: 1, httpPort: 1 },
    };
  };
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      const asked = JSON.parse(body || '{}') as object;
      response.end(JSON.stringify({ reqNo: null, ...answer(request.url ?? '', asked) }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    loggedIn,
    logins: () => logins,
    stop: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
}

/** Where rows are wrapped, blanks are not to be seen. */
const squeeze = (text: string): string => text.replace(/\s/g, '');

async function openChat(name: string): Promise<Terminal> {
  const terminal = await Terminal.start(chatCommand(['--name', name]), { cwd: ROOT, columns: 70, rows: 20 });
  terminals.push(terminal);
  await terminal.until(`${name}>`);
  return terminal;
}

async function openTerminal(args: readonly string[], columns = 160): Promise<Terminal> {
  const terminal = await Terminal.start(chatCommand(args), { cwd: ROOT, columns });
  terminals.push(terminal);
  return terminal;
}

const chatCommand = (args: readonly string[]): string[] => [
  process.execPath,
  join(ROOT, 'dist/cli-client.js'),
  ...(args.includes('--route') ? [] : ['--route', server.routeUrl]),
  '--plain',
  ...(args.includes('--state-dir') ? [] : ['--state-dir', join(folder, 'state')]),
  ...args,
];

async function pipe(
  name: string,
  input: string,
): Promise<{ code: number | null; output: string; errors: string }> {
  const [program = '', ...args] = chatCommand(['--name', name]);
  const chat = spawn(program, args, { cwd: ROOT });
  let [output, errors] = ['', ''];
  chat.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  chat.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  chat.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => chat.once('close', resolve));
  return { code, output, errors };
}

async function post(path: string, body: object): Promise<{ userId: number }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.routeUrl + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { code: string; dataBody: { userId: number } | null };
  assert.equal(answer.code, '9000', JSON.stringify(answer));
  return answer.dataBody ?? { userId: 0 };
}
