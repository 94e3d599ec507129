/** `cim send`, `cim online`, `cim history` and `cim tail`, as a script would call them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, ServerProcess, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
let folder: string;
let server: ServerProcess;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-scripts-'));
  const free = { CIM_ROUTE_PORT: '0', CIM_TCP_PORT: '0', CIM_HTTP_PORT: '0', CIM_ROUTE_INTERNAL_PORT: '0' };
  server = await ServerProcess.start('standalone', { ...free, CIM_DATA_DIR: join(folder, 'data') });
});
after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

interface End {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(words: readonly string[], route = server.routeUrl): ChildProcess {
  const [script = '', ...rest] = words;
  const flags = ['--route', route, '--state-dir', join(folder, 'state')];
  return spawn(process.execPath, [join(ROOT, 'dist/cim.js'), script, ...flags, ...rest], { cwd: ROOT });
}

async function run(words: readonly string[], input?: string, route?: string): Promise<End> {
  const child = start(words, route);
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin?.end(input ?? '');
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

const rowsOf = (out: string): Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('scripts', () => {
  it('send, follow and read messages, with data alone on stdout, and leave nobody logged in', async () => {
    const made = await run(['send', '--name', 'bob', '--to', 'everybody', '--json', 'I am here']);
    assert.equal(made.code, 0, made.err);
    assert.equal(typeof rowsOf(made.out)[0]?.['id'], 'string');
    const tail = start(['tail', '--name', 'bob', '--json']);
    let lines = '';
    tail.stdout?.on('data', (chunk: Buffer) => (lines += chunk.toString()));
    await until('bob is online', async () => {
      const { code, out } = await run(['online', '--name', 'alice', '--json']);
      assert.equal(code, 0);
      return rowsOf(out).some(({ name }) => name === 'bob');
    });
    assert.deepEqual(await run(['send', '--name', 'alice', '--to', 'bob', 'hello', 'you']), {
      code: 0,
      out: '',
      err: '',
    });
    assert.equal((await run(['send', '--name', 'alice', '--to', 'bob'], 'from\na pipe\u001b[2J\n')).code, 0);
    await until(
      'both lines came',
      () => rowsOf(lines).filter((row) => row['conversation'] !== 'globby').length === 2,
    );
    const gone = new Promise((resolve) => tail.once('close', resolve));
    tail.kill('SIGTERM');
    assert.equal(await gone, 0);
    const history = await run(['history', '--name', 'alice', '--with', 'bob', '--json', '--limit', '5']);
    assert.deepEqual(
      rowsOf(history.out).map(({ texts }) => texts),
      [['hello you'], ['from\na pipe\u001b[2J']],
    );
    const people = await run(['history', '--name', 'alice', '--with', 'bob']);
    assert.match(people.out, /alice: from\u23cea pipe\ufffd\[2J\n$/);
    await until('nobody is online', async () => (await run(['online', '--name', 'alice'])).out === '');
  });

  it('say in one line what is wrong, with an exit code that tells the kind', async () => {
    const [port = 0] = await freePorts(1);
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['send', '--name', 'alice', 'text'], 2, /^cim send: to whom\? give --to bob/],
      [['send', '--name', 'alice', '--to', 'bob'], 2, /^cim send: what is to be said\?/],
      [['send', '--to', 'bob', 'x'], 2, /^cim send: who are you\? give a name/],
      [['online', '--name', 'alice', 'x'], 2, /takes no "x"/],
      [['history', '--name', 'alice', '--with', 'bob', '--limit', 'x'], 2, /--limit takes a number/],
      [['tail', '--nope'], 2, /--help lists the flags/],
      [['send', '--name', 'alice', '--to', 'nobody-here', 'x'], 1, /nobody-here/],
      [['send', '--name', 'alice', '--to', '#nothing', 'x'], 1, /you are in no group "#nothing"/],
    ];
    for (const [words, code, line] of cases) {
      const end = await run(words);
      assert.deepEqual([end.code, end.out], [code, ''], `${words.join(' ')}: ${end.err}`);
      assert.match(end.err, line);
      assert.equal(end.err.split('\n').length, 2);
    }
    for (const word of ['online', 'tail']) {
      const away = await run([word, '--name', 'alice'], '', `http://127.0.0.1:${port}`);
      assert.deepEqual([away.code, away.out], [3, ''], word);
      assert.match(away.err, /cannot reach the route/);
    }
  });
});
