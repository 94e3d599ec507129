import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from 'node:test';
import { ScriptedServer, until } from '../test/scripted-server.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

it('the example of docs/sdk.md runs as it says', async () => {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8'))?.[1] ?? '';
  // Below node_modules, so that it finds its import as an integrator's program would.
  const folder = mkdtempSync(join(ROOT, 'node_modules/.sdk-example-'));
  const server = await ScriptedServer.start();
  try {
    writeFileSync(join(folder, 'echo.mts'), example);
    const program = spawn(process.execPath, ['--import', 'tsx', 'echo.mts', server.url], { cwd: folder });
    let printed = '';
    for (const stream of [program.stdout, program.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => program.once('exit', resolve));
    await until(() => printed.includes('hello: stored'), 'the hello', 20_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${printed}`);
    });
    server.say(`inbox:${server.idOf('echo')}`, 'anybody there?');
    assert.equal(await ended, 0, printed);
    assert.deepEqual(printed.trim().split('\n').sort(), [
      'ended: the session was logged out',
      'hello: stored',
      'to bob: stored',
    ]);
    assert.deepEqual(server.texts('inbox:7'), ['anybody there?']);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
