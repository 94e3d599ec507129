/** A person's password, options and second terminal, in real terminals against the standalone server. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ServerProcess, Terminal } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let server: ServerProcess;
let terminals: Terminal[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-account-'));
  server = await ServerProcess.start('standalone', { CIM_DATA_DIR: join(folder, 'data') });
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

async function open(name: string, flags: readonly string[], wanted: string | RegExp): Promise<Terminal> {
  const command = [process.execPath, join(ROOT, 'dist/cim.js'), 'chat', '--route', server.routeUrl];
  const state = ['--state-dir', join(folder, 'state'), '--name', name];
  const env = {
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_STATE_HOME: join(folder, 'xdg-state'),
  };
  const terminal = await Terminal.start([...command, ...state, ...flags], { cwd: ROOT, columns: 120, env });
  terminals.push(terminal);
  await terminal.until(wanted);
  return terminal;
}
