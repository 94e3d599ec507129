/** Every server that a test ends must not have held its event loop. These tests show what counts as that. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { endWithUs, ServerProcess, until } from '@cim/testkit';

const WORK_MS = 400;
/** Works for so long, in one go, whenever it gets SIGUSR2. */
const HOLD = `process.on('SIGUSR2', () => {
  const spent = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e3; };
  for (const begun = spent(); spent() - begun < ${WORK_MS}; );
});`;

async function start(t: TestContext): Promise<ServerProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'cim-loop-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return ServerProcess.start('standalone', {
    CIM_DATA_DIR: dir,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(HOLD)}`,
  });
}

async function metric(server: ServerProcess, name: string): Promise<number> {
  const metrics = await fetch(`http://127.0.0.1:${server.httpPort}/metrics`).then((answer) => answer.text());
  return Number(new RegExp(`^${name}\\b.* (\\S+)$`, 'm').exec(metrics)?.[1]);
}

test('a server whose own work holds its event loop says so, and fails the test that ends it', async (t) => {
  const server = await start(t);
  process.kill(server.pid, 'SIGUSR2');
  await until('the server tells it', () => server.log.includes('loop.held'));
  assert.ok((await metric(server, 'cim_event_loop_held_seconds_max')) > WORK_MS / 2_000);
  await assert.rejects(server.end('SIGTERM'), /a server held its event loop:\n.*"heldMs":\d{3},/);
});

test('a server that the machine did not run passes: stopped, and beside eight busy processes', async (t) => {
  const server = await start(t);
  server.freeze();
  await new Promise((resolve) => setTimeout(resolve, 500)); // what happens meanwhile is the test
  server.thaw();
  const busy = Array.from({ length: 8 }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  t.after(() => busy.forEach((child) => child.kill('SIGKILL')));
  busy.forEach(endWithUs);
  const answers = Array.from({ length: 40 }, async (_, i) => {
    const body = JSON.stringify({ userName: `busy-${i}` });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${server.routeUrl}/registerAccount`, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
  });
  await Promise.all(answers);
  assert.ok((await metric(server, 'nodejs_eventloop_lag_max_seconds')) > 0.3, 'its event loop was late');
  assert.equal(await server.end('SIGTERM'), 0);
});
