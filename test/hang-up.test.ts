/** A terminal that closes, or an ssh session that ends, sends SIGHUP: servers drain, a chat logs out. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cimRequest, ServerProcess, Terminal, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let terminals: Terminal[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-hang-up-test-'));
});

afterEach(async () => {
  await Promise.all(terminals.map((terminal) => terminal.stop()));
  terminals = [];
  rmSync(folder, { recursive: true });
});

/** Runs a program in a terminal. `closes` closes the terminal and answers the exit code of the program. */
async function inTerminal(command: string, env: Record<string, string>) {
  const code = join(folder, 'code');
  // The shell outlives the terminal, to tell the exit code; the program has the default for SIGHUP.
  const script = `trap : HUP; node ${command}; echo $? > ${code}.new; mv ${code}.new ${code}`;
  const terminal = await Terminal.start(['sh', '-c', script], { cwd: ROOT, env });
  terminals.push(terminal);
  return {
    terminal,
    closes: async (): Promise<string> => {
      await terminal.stop();
      await until('the program has ended', () => existsSync(code));
      return readFileSync(code, 'utf8').trim();
    },
  };
}

const standalone = (more: Record<string, string> = {}): Promise<ServerProcess> =>
  ServerProcess.start('standalone', { CIM_DATA_DIR: join(folder, 'data'), ...more });

const countOf = (text: string, event: string): number => text.split(`"msg":"${event}"`).length - 1;

describe('SIGHUP', () => {
  test('lets a server drain, also when it comes more than once', async () => {
    await using server = await standalone();
    const ended = server.end('SIGHUP');
    process.kill(server.pid, 'SIGHUP');
    assert.equal(await ended, 0);
    assert.deepEqual(
      ['process.stopping', 'im-server.stopped'].map((event) => countOf(server.log, event)),
      [1, 1],
    );
  });

  test('lets a server drain whose terminal is gone, with all it says on that terminal', async () => {
    const env = {
      CIM_DATA_DIR: join(folder, 'data'),
      CIM_ROUTE_PORT: '0',
      CIM_TCP_PORT: '0',
      CIM_HTTP_PORT: '0',
      CIM_ROUTE_INTERNAL_PORT: '0',
      CIM_LOG_LEVEL: 'info',
    };
    const { terminal, closes } = await inTerminal('dist/standalone.js', env);
    await terminal.until('open a chat');
    assert.equal(await closes(), '0');
  });

  test('lets a chat log out whose terminal closes: its last line is stored and nobody is left online', async () => {
    await using server = await standalone();
    const { terminal, closes } = await inTerminal(
      `dist/cli-client.js --name alice --route ${server.routeUrl} --state-dir ${join(folder, 'state')}`,
      {},
    );
    await terminal.until('everybody>');
    await terminal.enter('my last words');
    await terminal.until(/alice: my last words ✓/);
    assert.equal(await closes(), '0');
    // The route answers who is online from what it has asked for in the last second.
    await until('nobody is online', async () => {
      const { dataBody } = await cimRequest(server.routeUrl, '/onlineUser');
      return Array.isArray(dataBody) && dataBody.length === 0;
    });
  });
});
