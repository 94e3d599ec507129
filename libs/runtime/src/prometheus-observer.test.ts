import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';
import { gauge } from './gauges.ts';
import { PrometheusObserver } from './prometheus-observer.ts';

const KNOWN = {
  closeReasons: ['idle'],
  doorLimits: ['strangers'],
  rpcMethods: ['deliver'],
  unknownPathCode: '9400',
};

async function scrape(use: (observer: PrometheusObserver) => void): Promise<string> {
  const metrics = createMetrics({ program: 'test' });
  use(new PrometheusObserver(metrics, KNOWN));
  gauge(metrics, 'cim_sessions', 'Live sessions', () => 3);
  return metrics.metrics();
}

/** The value of the sample with exactly this name and these labels. */
function sample(page: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const texts = Object.entries({ ...labels, program: 'test' }).map(([label, text]) => `${label}="${text}"`);
  for (const line of page.split('\n')) {
    const [begin = '', rest = ''] = line.split('{');
    const [inner = '', value] = rest.split('} ');
    const has = inner.split(',');
    if (begin === name && has.length === texts.length && texts.every((text) => has.includes(text)))
      return Number(value);
  }
  return undefined;
}

test('every known pair of labels is there with 0 before anything is counted', async () => {
  const page = await scrape(() => undefined);
  assert.equal(sample(page, 'cim_sends_total', { door: 'tcp', outcome: 'refused' }), 0);
  assert.equal(sample(page, 'cim_channels_closed_total', { reason: 'idle' }), 0);
  assert.equal(sample(page, 'cim_rpc_calls_total', { method: 'deliver', outcome: 'timeout' }), 0);
  assert.equal(sample(page, 'cim_append_duration_seconds_count', { stream: 'inbox' }), 0);
});

test('counts by label, also for a value that was not known before', async () => {
  const page = await scrape((observer) => {
    observer.sendAnswered('tcp', 'stored', 0.002);
    observer.sendAnswered('tcp', 'stored', 0.002);
    observer.sendAnswered('p2pRoute', 'refused', 0.001);
    observer.delivered('own', 'group', 100);
    observer.channelClosed('a-new-reason');
    observer.rpcCalled('deliver', 'down', 0);
  });
  assert.equal(sample(page, 'cim_sends_total', { door: 'tcp', outcome: 'stored' }), 2);
  assert.equal(sample(page, 'cim_sends_total', { door: 'p2pRoute', outcome: 'refused' }), 1);
  assert.equal(sample(page, 'cim_deliveries_total', { wire: 'own', stream: 'group' }), 100);
  assert.equal(sample(page, 'cim_channels_closed_total', { reason: 'a-new-reason' }), 1);
  assert.equal(sample(page, 'cim_rpc_calls_total', { method: 'deliver', outcome: 'down' }), 1);
  assert.equal(sample(page, 'cim_sessions'), 3);
});

test('buckets are cumulative, include their limit, and end with all', async () => {
  const page = await scrape((observer) => {
    for (const seconds of [-1, 0.0005, 0.0006, 60]) observer.appended('inbox', 'ok', seconds);
  });
  const bucket = (le: string) => sample(page, 'cim_append_duration_seconds_bucket', { le, stream: 'inbox' });
  assert.equal(bucket('0.0005'), 2);
  assert.equal(bucket('0.001'), 3);
  assert.equal(bucket('5'), 3);
  assert.equal(bucket('+Inf'), 4);
  assert.equal(sample(page, 'cim_append_duration_seconds_count', { stream: 'inbox' }), 4);
  assert.equal(sample(page, 'cim_append_duration_seconds_sum', { stream: 'inbox' }), 60.0011);
});

test('promtool accepts names, help texts and samples', async () => {
  const page = await scrape((observer) => observer.arrived(0.3));
  const ours = page
    .split('\n\n')
    .filter((block) => block.includes('cim_'))
    .join('\n');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: `${ours}\n` });
  assert.equal(status, 0, `${stdout.toString()}${stderr.toString()}`);
});

test('the traffic is the sum over all labels', () => {
  const observer = new PrometheusObserver(createMetrics({ program: 'test' }), KNOWN);
  observer.sendAnswered('tcp', 'stored', 0.0001);
  observer.sendAnswered('v1', 'stored', 0.02);
  observer.sendAnswered('v1', 'retry', 9);
  observer.delivered('own', 'inbox', 2);
  observer.delivered('cim', 'group', 3);
  observer.connectionRefused('strangers');
  observer.acknowledged('inbox', 0.001);
  observer.acknowledged('group', 500);
  const { sends, deliveries, refusedConnections, sendDurations, deliveryDurations } = observer.traffic;
  assert.deepEqual(sends, { stored: 2, refused: 0, retry: 1, gap: 0, 'unknown-producer': 0 });
  assert.deepEqual([deliveries, refusedConnections], [5, 1]);
  assert.deepEqual(sendDurations, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual(deliveryDurations, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});
