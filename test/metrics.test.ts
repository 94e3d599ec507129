/** What a server counts, what docs/metrics.md says of it, and what Prometheus' own tool thinks of both. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, ServerProcess, until } from '@cim/testkit';

/** Metrics of ours as a page or docs/metrics.md lists them: `name type label,label`, sorted. */
function listed(page: string): string[] {
  return [...page.matchAll(/^# TYPE (cim_\w+) (\w+)$/gm)]
    .map(([, name = '', type = '']) => {
      const samples = page
        .split('\n')
        .filter((line) => line.startsWith(type === 'histogram' ? `${name}_sum{` : `${name}{`));
      const labels = new Set(
        samples.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label)),
      );
      labels.delete('program');
      // A metric without a sample is one that nobody can alert on.
      assert.ok(samples.length > 0, `${name} has no sample from the start`);
      return `${name} ${type} ${[...labels].sort().join()}`;
    })
    .sort();
}

/** Sum of a metric's samples that have all these labels. */
const count = (page: string, name: string, ...labels: string[]): number =>
  page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

async function documented(...headings: readonly string[]): Promise<string[]> {
  const sections = (await readFile('docs/metrics.md', 'utf8')).split(/^## /m);
  return sections
    .filter((section) => headings.some((heading) => section.startsWith(`${heading}\n`)))
    .flatMap((section) => [...section.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)])
    .map(([, name = '', type = '', labels = '']) => {
      const names = [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
      return `${name} ${type} ${names.sort().join()}`;
    })
    .sort();
}

/** Prometheus' own tool is content with the whole page. */
function assertAccepted(page: string): void {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page });
  assert.equal(`${status} ${stdout.toString()}${stderr.toString()}`, '0 ');
}

test('a server counts what happens, docs/metrics.md names each metric, and promtool finds no fault', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-metrics-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
  const scrape = async (): Promise<string> => (await fetch(`${server.routeInternalUrl}/metrics`)).text();
  const [ann, ben] = ['ann', 'ben'].map(
    (userName) => new CimClient({ routeUrl: server.routeUrl, userName, state: memoryState() }),
  );
  assert.ok(ann && ben);
  try {
    const before = await scrape();
    assert.equal(count(before, 'cim_sends_total', 'door="tcp"', 'outcome="stored"'), 0);
    let shown = 0;
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    // What is shown is acknowledged when the listener has finished.
    ben.on('message', async () => {
      shown++;
      await finished;
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
    await until('ben has two, and the third waits', () => shown >= 1);
    await until('all went out', async () => count(await scrape(), 'cim_deliveries_total') >= 4);
    const unfinished = await scrape();
    // Of ben's timeline two, and perhaps the newest copy in ann's.
    assert.match(String(count(unfinished, 'cim_unacknowledged_entries', 'stream="inbox"')), /^[23]$/);
    // Ann's own text in the lobby may be on its way too.
    assert.match(String(count(unfinished, 'cim_unacknowledged_entries', 'stream="group"')), /^[12]$/);
    assert.equal(count(unfinished, 'cim_delivery_duration_seconds_count', 'stream="inbox"'), 0);
    finish();
    await until('ben has all', () => shown === 3);
    await until('all is acknowledged', async () => count(await scrape(), 'cim_unacknowledged_entries') === 0);

    const page = await scrape();
    assert.equal(count(page, 'cim_delivery_duration_seconds_count', 'stream="inbox"'), 2);
    assert.equal(count(page, 'cim_sends_total', 'door="tcp"', 'outcome="stored"'), 3);
    assert.equal(count(page, 'cim_sends_total', 'door="p2pRoute"', 'outcome="refused"'), 1);
    assert.equal(count(page, 'cim_send_duration_seconds_count', 'door="tcp"'), 3);
    assert.equal(count(page, 'cim_appends_total', 'stream="inbox"', 'outcome="ok"'), 2);
    assert.equal(count(page, 'cim_pushes_total', 'outcome="taken"'), 2);
    assert.equal(count(page, 'cim_deliveries_total', 'wire="own"', 'stream="inbox"'), 2);
    assert.equal(count(page, 'cim_arrival_duration_seconds_count'), 2);
    assert.ok(count(page, 'cim_resumes_total', 'answer="continue"') >= 2);
    assert.equal(count(page, 'cim_sessions', 'wire="own"'), 2);
    assert.equal(count(page, 'cim_connections', 'state="session"'), 2);
    assert.equal(count(page, 'cim_route_answer_duration_seconds_count', 'path="/p2pRoute"'), 1);
    assert.equal(count(page, 'cim_store_ready'), 1);
    assert.ok(count(page, 'cim_event_loop_delay_seconds_count') > 0);
    await ben.close();
    await until(
      'the close is counted',
      async () => count(await scrape(), 'cim_channels_closed_total', 'reason="closed"') === 1,
    );

    assert.deepEqual(listed(page), await documented('Every server', 'Im-servers only', 'Relays only'));
    assertAccepted(page);
  } finally {
    await ann.close();
    await ben.close();
    await server.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
});

test('a route and an im-server tell what docs/metrics.md says of each, promtool finds no fault, and both tell that Redis is gone', async () => {
  await using cluster = await Cluster.start({ routes: 1, imServers: 1 });
  const [route] = cluster.routes;
  const [imServer] = cluster.imServers;
  assert.ok(route && imServer);
  const page = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text();
  const ofRoute = (): Promise<string> => page(route.routeInternalUrl);
  const ofImServer = (): Promise<string> => page(`http://127.0.0.1:${imServer.httpPort}`);

  const atFirst = await ofRoute();
  assert.deepEqual(listed(atFirst), await documented('Every server'));
  assertAccepted(atFirst);
  assert.equal(count(atFirst, 'cim_rpc_links', 'state="open"'), 0);
  // The route asks the im-server whether it is there, by its first call.
  const ann = new CimClient({ routeUrl: route.routeUrl, userName: 'ann', state: memoryState() });
  await ann.connect();
  await ann.close();
  await until(
    'the route calls the im-server',
    async () => count(await ofRoute(), 'cim_rpc_links', 'state="open"') === 1,
  );

  const served = await ofImServer();
  assert.deepEqual(listed(served), await documented('Every server', 'Im-servers only'));
  assertAccepted(served);
  await using relay = await ServerProcess.start('relay', { CIM_REDIS_URL: cluster.redis.url });
  const ofRelay = await page(relay.relayUrl);
  const common = (await documented('Every server')).filter((line) => line.startsWith('cim_build_info '));
  assert.deepEqual(listed(ofRelay), [...common, ...(await documented('Relays only'))].sort());
  assertAccepted(ofRelay);
  assert.equal(count(served, 'cim_rpc_served_connections'), 1);
  assert.equal(count(served, 'cim_store_info', 'engine="redis"', 'durability="disk"'), 1);
  assert.equal(count(served, 'cim_store_ready'), 1);
  const certain = count(served, 'cim_lease_certain_seconds');
  assert.ok(certain > 10 && certain <= 25, `${certain} s`);

  await cluster.redis.kill();
  await until('both tell that the store is away', async () =>
    (await Promise.all([ofRoute(), ofImServer()])).every(
      (text) =>
        count(text, 'cim_store_ready') === 0 && count(text, 'cim_store_problem', 'kind="waiting"') === 1,
    ),
  );
  await until(
    'the im-server counts what the store did not carry out',
    async () => count(await ofImServer(), 'cim_store_errors_total', 'kind="away"') > 0,
  );
  await until(
    'a renewal of the lease has failed',
    async () => count(await ofImServer(), 'cim_lease_renewals_total', 'outcome="failed"') > 0,
  );
});
