/** What a server counts, what docs/metrics.md says of it, and what Prometheus' own tool thinks of both. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { ServerProcess, until } from '@cim/testkit';

test('a server counts what happens, docs/metrics.md names each metric, and promtool finds no fault', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-metrics-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
  const scrape = async (): Promise<string> => (await fetch(`${server.routeInternalUrl}/metrics`)).text();
  /** Sum of a metric's samples that have all these labels. */
  const count = (page: string, name: string, ...labels: string[]): number =>
    page
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  const [ann, ben] = ['ann', 'ben'].map(
    (userName) => new CimClient({ routeUrl: server.routeUrl, userName, state: memoryState() }),
  );
  assert.ok(ann && ben);
  try {
    const before = await scrape();
    assert.equal(count(before, 'cim_sends_total', 'door="tcp"', 'outcome="stored"'), 0);
    let shown = 0;
    ben.on('message', () => {
      shown++;
    });
    await ann.connect();
    await ben.connect();
    for (const text of ['one', 'two']) await ann.send({ user: ben.user?.userId ?? 0 }, [text]);
    await ann.send({ group: 'lobby' }, ['to all']);
    const nobody = await fetch(`${server.routeUrl}/p2pRoute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: ann.user?.userId, receiveUserId: 1, msg: 'x' }),
    });
    assert.equal(nobody.status, 400);
    await until('ben has all', () => shown === 3);

    const page = await scrape();
    assert.equal(count(page, 'cim_sends_total', 'door="tcp"', 'outcome="stored"'), 3);
    assert.equal(count(page, 'cim_sends_total', 'door="p2pRoute"', 'outcome="refused"'), 1);
    assert.equal(count(page, 'cim_send_duration_seconds_count', 'door="tcp"'), 3);
    assert.equal(count(page, 'cim_appends_total', 'stream="inbox"', 'outcome="ok"'), 2);
    assert.equal(count(page, 'cim_pushes_total', 'outcome="taken"'), 2);
    assert.equal(count(page, 'cim_deliveries_total', 'wire="own"', 'stream="inbox"'), 2);
    assert.equal(count(page, 'cim_arrival_duration_seconds_count'), 2);
    assert.ok(count(page, 'cim_resumes_total', 'answer="continue"') >= 2);
    assert.equal(count(page, 'cim_sessions'), 2);
    assert.equal(count(page, 'cim_connections'), 2);
    await ben.close();
    await until(
      'the close is counted',
      async () => count(await scrape(), 'cim_channels_closed_total', 'reason="closed"') === 1,
    );

    const ours = page
      .split('\n\n')
      .filter((block) => block.includes('# HELP cim_'))
      .join('\n');
    const names = [...ours.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    const documented = [
      ...(await readFile('docs/metrics.md', 'utf8')).matchAll(/^\| `(\w+)` \| (\w+) \|/gm),
    ].map(([, name, type]) => `${name} ${type}`);
    assert.deepEqual(names.sort(), documented.sort());
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: `${ours}\n` });
    assert.equal(status, 0, `${stdout.toString()}${stderr.toString()}`);
  } finally {
    await ann.close();
    await ben.close();
    await server.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
});
