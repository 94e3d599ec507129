/** Each program of `examples/` in front of a real server. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CimClient } from '@cim/client/node';
import { launchChromium, ServerProcess, Site, until } from '@cim/testkit';
import { build } from 'esbuild';

const ROOT = process.cwd();
const EXAMPLES = join(ROOT, 'examples');
const LINES = 60;
const TOKEN = 'a token of the tests that is long enough';

describe('examples', { timeout: 120_000 }, () => {
  let folder: string;
  let env: Record<string, string>;
  let server: ServerProcess;
  const programs: ChildProcess[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cim-examples-'));
    env = {
      CIM_DATA_DIR: join(folder, 'data'),
      CIM_SESSION_POLICY: 'kick',
      CIM_ADMIN_TOKEN: TOKEN,
    };
    server = await ServerProcess.start('standalone', env);
  });
  after(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a program until it says that it is ready. */
  const start = async (file: string, ready: string, ...args: string[]) => {
    const flags = ['--import', import.meta.resolve('tsx'), join(EXAMPLES, file)];
    const program = spawn(process.execPath, [...flags, server.routeUrl, ...args], { cwd: folder });
    programs.push(program);
    let printed = '';
    for (const stream of [program.stdout, program.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => program.once('exit', resolve));
    void ended.then((code) => (printed += `\nended with ${code}`));
    await until(`${file} says "${ready}"`, () => {
      assert.doesNotMatch(printed, /ended with/);
      return printed.includes(ready);
    });
    return { program, ended };
  };

  it(`are under ${LINES} lines each, and each is run below`, () => {
    const names = readdirSync(EXAMPLES);
    assert.deepEqual(names.sort(), [
      'bridge.mjs',
      'echo-bot.mjs',
      'listener.mjs',
      'notifier.mjs',
      'page.html',
      // Run by apps/relay/src/example.test.ts.
      'receiver.mjs',
      'save-bot.mjs',
    ]);
    for (const name of names)
      assert.ok(readFileSync(join(EXAMPLES, name), 'utf8').split('\n').length <= LINES, name);
  });

  it('echo-bot.mjs answers, and ends by a signal', async () => {
    const { program, ended } = await start('echo-bot.mjs', 'listens', 'echo');
    await using ann = new CimClient({ routeUrl: server.routeUrl, userName: 'ann' });
    const heard: string[] = [];
    ann.on('message', ({ texts }) => heard.push(...texts));
    await ann.connect();
    const echo = await ann.users.find('echo');
    await ann.send({ user: echo?.userId ?? 0 }, 'hello');
    await until('the answer', () => heard.length === 1);
    assert.deepEqual(heard, ['hello']);
    program.kill('SIGTERM');
    assert.equal(await ended, 0);
  });

  it('listener.mjs answers for somebody who has the terminal open, and tells that person', async () => {
    const flags = ['--route', server.routeUrl, '--state-dir', folder, '--name', 'lisa'];
    const chat = spawn(process.execPath, [
      ...[join(ROOT, 'dist/cim.js'), 'chat', ...flags],
      ...['--listener', join(EXAMPLES, 'listener.mjs')],
    ]);
    programs.push(chat);
    let printed = '';
    for (const stream of [chat.stdout, chat.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await until('the terminal is connected', () => printed.includes('connected to'));
    await using mia = new CimClient({ routeUrl: server.routeUrl, userName: 'mia' });
    const heard: string[] = [];
    mia.on('message', ({ texts }) => heard.push(...texts));
    await mia.connect();
    const lisa = await mia.users.find('lisa');
    for (const text of ['are you there?', 'it is urgent']) await mia.send({ user: lisa?.userId ?? 0 }, text);
    await until('the second one is told', () => printed.includes('mia says that it is urgent'));
    await until('the answer', () => heard.length > 0);
    assert.deepEqual(heard, ['I am in a meeting and read this at noon.']);
    assert.match(printed, /lisa -> mia: I am in a meeting/);
  });

  it('save-bot.mjs saves each message once, however often it is killed', async () => {
    const file = join(folder, 'messages.jsonl');
    await using ben = new CimClient({ routeUrl: server.routeUrl, userName: 'ben' });
    await ben.connect();
    let { program } = await start('save-bot.mjs', 'saves to', 'archive', file);
    const archive = await ben.users.find('archive');
    const texts = Array.from({ length: 200 }, (_, i) => `m${i}`);
    // The program makes the file with the first message that it saves.
    const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);
    for (const kill of [40, 80, 120, 160]) {
      const part = texts.slice(kill - 40, kill);
      await Promise.all(part.map((text) => ben.send({ user: archive?.userId ?? 0 }, text)));
      await until('some are saved', () => lines().length > kill - 40);
      program.kill('SIGKILL');
      ({ program } = await start('save-bot.mjs', 'saves to', 'archive', file));
    }
    await Promise.all(texts.slice(160).map((text) => ben.send({ user: archive?.userId ?? 0 }, text)));
    await until('all are saved', () => lines().length >= texts.length);
    const saved = lines().map((line) => (JSON.parse(line) as { readonly texts: string[] }).texts[0]);
    assert.deepEqual(saved, texts);
  });

  it('bridge.mjs carries messages of each group to the other, and its own to neither', async () => {
    await using cat = new CimClient({ routeUrl: server.routeUrl, userName: 'cat' });
    await using dog = new CimClient({ routeUrl: server.routeUrl, userName: 'dog' });
    const heard: string[] = [];
    cat.on('message', ({ texts }) => heard.push(`cat: ${texts.join()}`));
    dog.on('message', ({ texts }) => heard.push(`dog: ${texts.join()}`));
    await Promise.all([cat.connect(), dog.connect()]);
    const left = await cat.groups.create({ name: 'left', join: 'open' });
    const right = await dog.groups.create({ name: 'right', join: 'open' });
    await start('bridge.mjs', 'carries', 'bridge', left.id, right.id);
    await cat.send({ group: left.id }, 'miaow');
    await until('the first', () => heard.length === 1);
    await dog.send({ group: right.id }, 'woof');
    await until('the second', () => heard.length === 2);
    assert.deepEqual(heard, ['dog: cat: miaow', 'cat: dog: woof']);
  });

  it('notifier.mjs tells a user what a system says, as the user of its API key, through the death of the server', async () => {
    const made = await fetch(`${server.routeInternalUrl}/admin/api-keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ label: 'monitor', scopes: ['send'], name: 'monitor' }),
    });
    const { key } = (await made.json()) as { readonly key: string };
    await using ops = new CimClient({ routeUrl: server.routeUrl, userName: 'ops' });
    const heard: string[] = [];
    ops.on('message', ({ from, texts }) => heard.push(`${from.userName}: ${texts.join()}`));
    await ops.connect();
    const notifier = (apiKey: string) => {
      const program = spawn(process.execPath, [join(EXAMPLES, 'notifier.mjs'), server.routeUrl, 'ops'], {
        env: { ...process.env, CIM_API_KEY: apiKey },
      });
      programs.push(program);
      const printed = { out: '', error: '' };
      program.stdout.on('data', (chunk: Buffer) => (printed.out += chunk.toString()));
      program.stderr.on('data', (chunk: Buffer) => (printed.error += chunk.toString()));
      const ended = new Promise<number | null>((resolve) => program.once('close', resolve));
      return { program, printed, ended };
    };
    const { program, printed, ended } = notifier(key);
    program.stdin.write('disk 90 % full\n\n');
    await until('the first line', () => heard.length === 1);
    const port = new URL(server.routeUrl).port;
    await server.end();
    program.stdin.end('disk full\nbye\n');
    await until('it asks again', () => printed.error.includes('not yet: '));
    server = await ServerProcess.start('standalone', { ...env, CIM_ROUTE_PORT: port });
    assert.equal(await ended, 0, printed.error);
    await until('all lines', () => heard.length >= 3, 20_000);
    assert.deepEqual(heard, ['monitor: disk 90 % full', 'monitor: disk full', 'monitor: bye']);
    assert.equal(printed.out.match(/^stored \S+/gm)?.length, 3);
    const refused = notifier(`${key.slice(0, -2)}xx`);
    refused.program.stdin.end('not with this key\n');
    assert.equal(await refused.ended, 1);
    assert.match(refused.printed.error, /refused: 9100/);
  });

  it('page.html shows what is said, and says what is typed', async () => {
    const script = await build({
      ...{ entryPoints: ['libs/client/src/browser/index.ts'], bundle: true, write: false },
      ...{ format: 'esm', platform: 'browser', absWorkingDir: ROOT },
    });
    const site = await Site.start(
      {
        '/': { type: 'text/html', body: readFileSync(join(EXAMPLES, 'page.html')) },
        '/esm/browser.js': { type: 'text/javascript', body: script.outputFiles[0]?.text ?? '' },
      },
      () => server.routeUrl,
    );
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      await page.fill('[name=name]', 'eva');
      await page.click('#enter button');
      await page.waitForSelector('#say:not([hidden])');
      await using finn = new CimClient({ routeUrl: server.routeUrl, userName: 'finn' });
      const heard: string[] = [];
      finn.on('message', ({ texts }) => heard.push(...texts));
      await finn.connect();
      await page.fill('[name=text]', 'good morning');
      await page.click('#say button');
      await until('what was said', () => heard.length === 1);
      await finn.send({ group: 'lobby' }, '<b>hello</b>');
      await page.waitForSelector('#messages li:nth-child(2)');
      assert.equal(await page.textContent('#messages'), 'me: good morningfinn: <b>hello</b>');
    } finally {
      await browser.close();
      await site.stop();
    }
  });
});
