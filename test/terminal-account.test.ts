/** A person's password, options and second terminal, in real terminals against the standalone server. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ServerProcess, Terminal, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let server: ServerProcess;
let terminals: Terminal[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-account-'));
  server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(folder, 'data'),
    CIM_SESSION_POLICY: 'devices',
  });
});

afterEach(async () => {
  await Promise.all(terminals.map((terminal) => terminal.stop()));
  terminals = [];
});

after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

describe('a password', () => {
  it('is set, asked for and changed without being seen, on the full screen and with --plain', async () => {
    const [first, second] = ['the first password', 'a second password'];
    const alice = await open('alice', [], 'everybody>');
    await alice.type('half a line');
    await alice.press('C-u');
    await alice.enter(':password');
    await alice.until('new password, 8 characters or more:');
    await alice.type(`${first}x`);
    await alice.press('BSpace', 'Enter');
    await alice.until('new password again:');
    await alice.paste(first);
    await alice.press('Enter');
    const seen = await alice.until('you have a password from now on');
    assert.ok(!seen.includes('first password'), seen);
    await alice.enter(':q');
    await alice.until('[exit 0]');

    const wrong = await open('alice', [], 'password of alice:');
    await wrong.enter('not this one');
    await wrong.until(/is it the right one\?[^]*\[exit 1\]/);

    const plain = await open('alice', ['--plain'], 'password of alice:');
    await plain.enter(first);
    await plain.until('alice>');
    await plain.enter(':password');
    for (const [question, answer] of [
      ['password until now:', first],
      ['new password, 8 characters or more:', second],
      ['new password again:', second],
    ] as const) {
      await plain.until(question);
      await plain.enter(answer);
    }
    const screen = await plain.until('the password is changed');
    assert.doesNotMatch(screen, /(first|second) password/);
    await plain.press('Up');
    await plain.until(/alice> :password$/m);
    await plain.press('C-u');
    await plain.enter('still here');
    await plain.until(/alice: still here \u2713/);
    await plain.enter(':q');
    await plain.until('[exit 0]');
    const again = await open('alice', [], 'password of alice:');
    await again.enter(second);
    await again.until('everybody>');
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (/\.(input|log|json)$/.test(file))
        assert.doesNotMatch(readFileSync(join(folder, file), 'utf8'), /(first|second) password/, file);
  });
});

describe('a second terminal of the same name', () => {
  it('says who has the first one, and opens beside it as another device, which sees the same', async () => {
    const first = await open('carol', [], 'everybody>');
    const refused = await open('carol', [], '[exit 1]');
    const line = (await refused.screen()).replaceAll('\n', '');
    assert.match(
      line,
      /carol is open in another terminal of this machine \(process \d+ on .*"--device other"/,
    );
    const second = await open('carol', ['--device', 'other'], 'everybody>');
    assert.match(
      (await open('carol', ['--device', 'other'], '[exit 1]').then((one) => one.screen())).replaceAll(
        '\n',
        '',
      ),
      /the device "other" of carol is open .*"--device other2"/,
    );
    await first.enter('said in the first');
    await second.until(/carol: said in the first$/m);
    await second.enter('said in the second');
    await first.until(/carol: said in the second$/m);
    await second.enter(':devices');
    await second.until(/\(other\), connected/);
    assert.equal(count(await first.screen(), 'said in the first'), 1);
    assert.equal(count(await second.screen(), 'said in the second'), 1);
  });

  it('opens at once after the first was killed, with nothing lost or shown twice', async () => {
    const dave = await open('dave', [], 'everybody>');
    const erin = await open('erin', [], 'everybody>');
    await erin.enter('dave;;before');
    await dave.until('[2:erin 1]');
    await dave.enter(':to erin');
    await dave.until('erin: before');
    await dave.type('half a line');
    process.kill(processOf('dave'), 'SIGKILL');
    await dave.until('[exit 137]');
    await erin.enter('dave;;while it is dead');
    await erin.until('-> dave: while it is dead');
    const again = await open('dave', [], 'everybody>');
    // Whether the mark of what was read had gone out when the terminal was killed is not known.
    await again.until(/\[2:erin [12]\]/);
    await again.press('M-2');
    const screen = await again.until('while it is dead');
    await again.until('erin: before');
    for (const text of ['erin: before', 'erin: while it is dead'])
      assert.equal(count(await again.screen(), text), 1, screen);
    await again.enter('here again');
    await again.until('here again \u2713\u2713');
    for (const text of ['before', 'while it is dead', 'here again'])
      assert.equal(count(readFileSync(historyOf('dave'), 'utf8'), text), 1, text);
  });
});

describe('a listener', () => {
  it('is awaited, and offered a message again that it has failed with, which is one line', async () => {
    const path = join(folder, 'mine.mjs');
    const seen = join(folder, 'seen');
    writeFileSync(
      path,
      `import { appendFile } from 'node:fs/promises';
      let tries = 0;
      export async function message({ from, texts }) {
        if (from.userName !== 'greg') return;
        if (++tries === 1) throw new Error('no disk\\nof any kind');
        await appendFile(${JSON.stringify(seen)}, texts.join() + ' ');
      }`,
    );
    const fay = await open('fay', ['--listener', path], 'everybody>');
    const greg = await open('greg', [], 'everybody>');
    await greg.enter('one');
    await fay.until(/\* listener of message: no disk.of any kind/);
    await greg.enter('two');
    await fay.until('greg: two');
    await until('both were seen', () => existsSync(seen) && readFileSync(seen, 'utf8') === 'one two ');
    assert.equal(count(await fay.screen(), 'greg: one'), 1);
    const wrong = await open('fay', ['--listener', join(folder, 'nothing.mjs')], '[exit 1]');
    assert.match(await wrong.screen(), /chat: the listener [^]*cannot be loaded/);
  });
});

describe('options', () => {
  it('count at once and in the next terminal; what is wrong in their files is told in one line', async () => {
    const bob = await open('bob', [], 'everybody>');
    await bob.enter('a message');
    const day = /\u2500 \w+, \d+ \w+ \d{4} \u2500/;
    await bob.until((screen) => day.test(screen) && screen.includes('a message \u2713'));
    await bob.enter(':set days off');
    await bob.until((screen) => screen.includes('days is off') && !day.test(screen));
    await bob.enter(':q');
    await bob.until('[exit 0]');
    const config = join(folder, 'config', 'cim');
    const file = join(config, 'config.json');
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { days: false });
    writeFileSync(file, '{"days": false, "bell": "loud", "theme": "mine"}');
    mkdirSync(join(config, 'themes'));
    writeFileSync(join(config, 'themes', 'mine.json'), '{"prompt": "grene"}');
    const again = await open('bob', [], 'everybody>');
    const screen = await again.until('bob: a message');
    assert.doesNotMatch(screen, day);
    const said = screen.replace(/[\u2502\s]+/g, ' ');
    assert.match(said, /config\.json: "bell" is "loud", and it takes true or false/);
    assert.match(said, /mine\.json: "prompt": "grene" is no style/);
  });
});

const count = (text: string, part: string): number => text.split(part).length - 1;

const historyOf = (name: string): string =>
  join(
    folder,
    'state',
    readdirSync(join(folder, 'state')).find((file) => file.endsWith(`-${name}.log`)) ?? '',
  );

/** The terminal client that has the files of a name, as its lock tells. */
const processOf = (name: string): number =>
  Number(/^process (\d+) /.exec(readFileSync(historyOf(name).replace(/log$/, 'json.lock'), 'utf8'))?.[1]);

async function open(name: string, flags: readonly string[], wanted: string | RegExp): Promise<Terminal> {
  const command = [process.execPath, join(ROOT, 'dist/cim.js'), 'chat', '--route', server.routeUrl];
  const state = ['--state-dir', join(folder, 'state'), '--name', name];
  const env = {
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_STATE_HOME: join(folder, 'xdg-state'),
  };
  const terminal = await Terminal.start([...command, ...state, ...flags], { cwd: ROOT, columns: 90, env });
  terminals.push(terminal);
  await terminal.until(wanted);
  return terminal;
}
