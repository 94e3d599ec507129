import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { ServerProcess } from '@cim/testkit';
import { ScriptedServer, until } from '../../test/scripted-server.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8');

/** Runs a program of the page; answers what it has printed by now, and how it ended. */
function run(example: string, url: string) {
  // Below node_modules, so that it finds its import as an integrator's program would.
  const folder = mkdtempSync(join(ROOT, 'node_modules/.sdk-example-'));
  writeFileSync(join(folder, 'example.mts'), example);
  const program = spawn(process.execPath, ['--import', 'tsx', 'example.mts', url], { cwd: folder });
  let printed = '';
  for (const stream of [program.stdout, program.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    program.once('exit', (code) => {
      rmSync(folder, { recursive: true });
      resolve(code);
    });
  });
  return { printed: () => printed, ended, stop: () => program.kill('SIGKILL') };
}

it('the echo of docs/sdk.md runs as it says', async () => {
  const example = /```ts\n(.*?)```/s.exec(PAGE)?.[1] ?? '';
  const server = await ScriptedServer.start();
  const program = run(example, server.url);
  try {
    await until(() => program.printed().includes('hello: stored'), 'the hello', 20_000).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${program.printed()}`);
      },
    );
    server.say(`inbox:${server.idOf('echo')}`, 'anybody there?');
    assert.equal(await program.ended, 0, program.printed());
    assert.deepEqual(program.printed().trim().split('\n').sort(), [
      'ended: the session was logged out',
      'hello: stored',
      'to bob: stored',
    ]);
    assert.deepEqual(server.texts('inbox:7'), ['anybody there?']);
  } finally {
    program.stop();
    await server.stop();
  }
});

describe('docs/sdk.md', { concurrency: false }, () => {
  let dataDir: string;
  let server: ServerProcess;
  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'cim-sdk-doc-'));
    server = await ServerProcess.start('standalone', {
      CIM_DATA_DIR: dataDir,
      CIM_SESSION_POLICY: 'devices',
    });
  });
  after(async () => {
    await server.end();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const examples = [...PAGE.matchAll(/^### ([^\n]+)\n\n```ts\n(.*?)```\n\n```text\n(.*?)```/gms)];
  it('begins with ten lines that work', async () => {
    const program = run(/```js\n(.*?)```/s.exec(PAGE)?.[1] ?? '', server.routeUrl);
    assert.equal(await program.ended, 0, program.printed());
    assert.equal(program.printed(), 'hello: hello, me\n');
  });

  it('has an example of each of these', () => {
    assert.deepEqual(
      examples.map(([, title]) => title),
      ['Conversations', 'Contents and events about messages', 'Groups', 'Devices'],
    );
  });
  for (const [, title, example = '', says] of examples)
    it(`has an example that runs and prints what stands below it: ${title}`, async () => {
      const program = run(example, server.routeUrl);
      // It waits for events that would come by themselves: what is printed by then says which one did not.
      const limit = setTimeout(() => program.stop(), 40_000);
      const code = await program.ended;
      clearTimeout(limit);
      assert.equal(program.printed(), says);
      assert.equal(code, 0);
    });
});
