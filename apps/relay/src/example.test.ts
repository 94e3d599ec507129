/** Runs the example receiver of docs/business.md against a real relay. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Outcall } from '@cim/outcall';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore } from '@cim/store';
import { endWithUs, freePorts, newWebhook, SECRET, Senders, until } from '@cim/testkit';
import { startRelay } from '../test/running-relay.ts';

test('the example receiver prints each message once, and refuses a request that is not signed with its secret', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-example-'));
  const store = await openEmbeddedStore({ dir, logger: silentLogger() });
  const [port = 0] = await freePorts(1);
  const program = spawn(process.execPath, ['examples/receiver.mjs', String(port)], {
    env: { ...process.env, WEBHOOK_SECRET: SECRET },
  });
  endWithUs(program);
  let out = '';
  program.stdout.on('data', (piece: Buffer) => (out += piece.toString()));
  await until('it listens', () => out.includes('listening'));
  const url = `http://127.0.0.1:${port}/`;
  await store.webhooks.put(newWebhook(url, { batch: 10 }));
  const relay = startRelay(store);
  const outcall = new Outcall({ allowedHosts: ['127.0.0.1'], agent: 'CIM/test' });
  t.after(async () => {
    await relay.stop();
    outcall.stop();
    program.kill('SIGKILL');
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  await until('the feed is on', () => relay.partitions > 0);
  const senders = new Senders(store);
  const [ann, ben] = [await senders.newUser('ann'), await senders.newUser('ben')];
  for (const text of ['one', 'two', 'three']) await senders.send(ann, ben, text);
  await until('all are printed', () => out.includes('three'));
  const event = {
    id: 'forged',
    type: 'message.stored',
    timestamp: '',
    data: { from: { name: 'eve' }, texts: ['x'] },
  };
  const wrong = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  for (const [secrets, status] of [
    [[], 401],
    [[wrong], 401],
    [[wrong, SECRET], 204],
    [[SECRET], 204],
  ] as const) {
    const call = { url, id: 'forged', body: JSON.stringify(event), secrets, deadlineMs: 5_000 };
    const answer = await outcall.post(call);
    assert.equal(answer.outcome === 'answered' && answer.status, status);
  }
  const stale = new Outcall({
    allowedHosts: ['127.0.0.1'],
    agent: 'CIM/test',
    now: () => Date.now() - 400_000,
  });
  const answer = await stale.post({ url, id: 'old', body: '{}', secrets: [SECRET], deadlineMs: 5_000 });
  assert.equal(answer.outcome === 'answered' && answer.status, 401);
  stale.stop();
  assert.deepEqual(out.trim().split('\n').slice(1), [
    ...['one', 'two', 'three'].map((text) => `message.stored from ann: ${text}`),
    'message.stored from eve: x',
  ]);
});
