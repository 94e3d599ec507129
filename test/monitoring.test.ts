/** The rules, the alerts and the board of deploy/: Prometheus accepts them, and each names what is there. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { freePorts, ServerProcess, until } from '@cim/testkit';

const FOLDER = 'deploy/prometheus';
/** Metrics of docs/metrics.md that are neither on the board nor in a rule, each with the reason. None at present. */
const LEFT_OUT: Readonly<Record<string, string>> = {};

function promtool(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`);
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

async function boardQueries(): Promise<{ title: string; expr: string }[]> {
  const board = JSON.parse(await readFile('deploy/grafana/cim.json', 'utf8')) as { panels: Panel[] };
  return board.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
}

const ruleFiles = async (): Promise<string> =>
  (await Promise.all(['rules.yml', 'alerts.yml'].map((name) => readFile(join(FOLDER, name), 'utf8')))).join(
    '\n',
  );

/** Metrics of ours that an expression reads; those of a histogram by the histogram's name. */
const metricsIn = (text: string): string[] =>
  [...text.matchAll(/\b(cim_\w+)/g)].map(([, name = '']) => name.replace(/_(bucket|sum|count)$/, ''));

test('promtool accepts the rules, the alerts and the configuration, and their own tests pass', () => {
  promtool('check', 'rules', join(FOLDER, 'rules.yml'), join(FOLDER, 'alerts.yml'));
  promtool('check', 'config', join(FOLDER, 'prometheus.yml'));
  promtool('test', 'rules', join(FOLDER, 'alerts.test.yml'));
});

test('the board is as scripts/board.mjs makes it', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/board.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.equal(`${status} ${stderr}`, '0 ');
});

test('the board and the rules name the metrics of docs/metrics.md, all of them and no others', async () => {
  const used = new Set(
    metricsIn(`${(await boardQueries()).map(({ expr }) => expr).join('\n')}\n${await ruleFiles()}`),
  );
  const documented = [...(await readFile('docs/metrics.md', 'utf8')).matchAll(/^\| `(cim_\w+)` \|/gm)].map(
    ([, name = '']) => name,
  );
  assert.deepEqual([...used, ...Object.keys(LEFT_OUT)].sort(), [...new Set(documented)].sort());
});

test('each recorded figure that the board or an alert reads is recorded, and each that is recorded is read', async () => {
  const rules = await readFile(join(FOLDER, 'rules.yml'), 'utf8');
  const alerts = await readFile(join(FOLDER, 'alerts.yml'), 'utf8');
  const queries = (await boardQueries()).map(({ expr }) => expr).join('\n');
  const recorded = [...rules.matchAll(/record: (\S+)/g)].map(([, name = '']) => name);
  const read = [...`${queries}\n${alerts}`.matchAll(/\bcim:[\w:]+/g)].map(([name]) => name);
  assert.deepEqual([...new Set(read)].sort(), recorded.sort());
});

test('each alert has one line in the runbook with the same severity, and a test in which it fires', async () => {
  const alerts = await readFile(join(FOLDER, 'alerts.yml'), 'utf8');
  const tests = await readFile(join(FOLDER, 'alerts.test.yml'), 'utf8');
  const page = await readFile('docs/operations.md', 'utf8');
  const rules = alerts
    .split(/^ +- alert: /m)
    .slice(1)
    .map((rule) => `${/^\w+/.exec(rule)?.[0]} (${/severity: (\w+)/.exec(rule)?.[1]})`);
  const lines = [...page.matchAll(/^\| `(Cim\w+)` \((\w+)\) \|(.*)\|$/gm)];
  assert.deepEqual(
    lines.map(([, name = '', severity = '']) => `${name} (${severity})`),
    rules,
  );
  for (const [, name = '', , rest = ''] of lines) {
    assert.equal(rest.split(' | ').filter((cell) => cell.trim() !== '').length, 3, `${name} lacks a cell`);
    const firing = new RegExp(
      `alertname="${name}",alertstate="firing"|alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- `,
    );
    assert.match(tests, firing, `alerts.test.yml never has ${name} fire`);
  }
});

/**
 * Alerts that a busy machine brings near: an event loop that is held, a scrape that takes longer than its second. They
 * may wait to fire; any other that waits is a fault of its rule.
 */
const OF_A_BUSY_MACHINE =
  'CimServerDown|CimEventLoopHeld|CimLeaseNotHeld|CimResourcesExhausted|CimResourcesLow';
/** Queries that answer nothing while all is well or nothing has happened. */
const MAY_BE_EMPTY = /[=<>]=? ?[01]\b|^ALERTS|^sum by \(alertname|cim_tls_|:ratio_rate5m|-noted/;

test('a real Prometheus reads a real server by our configuration, answers each query of the board, and no alert fires', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-monitoring-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: join(dir, 'data') });
  const [port = 0] = await freePorts(1);
  const config = (await readFile(join(FOLDER, 'prometheus.yml'), 'utf8'))
    .replace(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s')
    .replace(/- (\w+\.yml)/g, (_, name: string) => `- ${resolve(FOLDER, name)}`)
    .replace(/targets:\n(\s+[-#].*\n)+/, `targets: ["${new URL(server.routeInternalUrl).host}"]\n`);
  await writeFile(join(dir, 'prometheus.yml'), config);
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  prometheus.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ask = async (path: string): Promise<{ status: string; error?: string; data: unknown }> =>
    (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as never;
  const query = async (expr: string): Promise<unknown[]> => {
    const whole = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');
    const { status, error, data } = await ask(`query?query=${encodeURIComponent(whole)}`);
    assert.equal(status, 'success', `${whole}: ${error}`);
    return (data as { result: unknown[] }).result;
  };
  try {
    await until(`Prometheus is there: ${said}`, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      return answer?.status === 200;
    });
    for (const { title, expr } of await boardQueries())
      if (MAY_BE_EMPTY.test(expr)) await query(expr);
      else await until(`"${title}" shows ${expr}`, async () => (await query(expr)).length > 0);
    const { data } = await ask('rules');
    const rules = (
      data as { groups: { rules: { name: string; health: string; lastError?: string }[] }[] }
    ).groups
      .flatMap((group) => group.rules)
      .map(({ name, health, lastError }) => `${name} ${health} ${lastError ?? ''}`);
    assert.equal(rules.length, [...(await ruleFiles()).matchAll(/- (alert|record): /g)].length);
    assert.deepEqual(
      rules.filter((rule) => !rule.endsWith(' ok ')),
      [],
    );
    const near = `ALERTS{alertstate="firing"} or ALERTS{alertname!~"${OF_A_BUSY_MACHINE}"}`;
    assert.deepEqual(await query(near), []);
    await assertLabelsAreThere(await (await fetch(`${server.routeInternalUrl}/metrics`)).text());
  } finally {
    prometheus.kill('SIGKILL');
    await server.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
});

/** Each label value that a rule or the board asks for is one that the server tells from its start. */
async function assertLabelsAreThere(page: string): Promise<void> {
  const text = `${(await boardQueries()).map(({ expr }) => expr).join('\n')}\n${await ruleFiles()}`;
  let asked = 0;
  for (const [, metric = '', matchers = ''] of text.matchAll(/\b(cim_\w+)\{([^}]*)\}/g))
    for (const matcher of matchers.split(',')) {
      const [, label = '', values = ''] = /^(\w+)[=!~]+"([^"]*)"$/.exec(matcher) ?? [];
      // Paths, codes and programs are counted as they come.
      if (['instance', 'path', 'code', 'program'].includes(label)) continue;
      for (const value of values.split('|')) {
        asked++;
        assert.match(page, new RegExp(`^${metric}\\{.*\\b${label}="${value}"`, 'm'));
      }
    }
  assert.ok(asked > 5, `${asked} labels were read`);
}
