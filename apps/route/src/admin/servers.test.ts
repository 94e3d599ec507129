import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_TOKEN, RunningRoute } from '../../test/running-route.ts';

test('the servers are listed also while the webhooks cannot be read', async (t) => {
  const at = await RunningRoute.start({
    config: { adminToken: ADMIN_TOKEN },
    storeFor: (store) => {
      const away = () => Promise.reject(new Error('this shard is away'));
      return { ...store, webhooks: { ...store.webhooks, list: away, health: away } };
    },
  });
  t.after(() => at.stop());
  const { status, body } = await at.admin('GET', '/servers');
  assert.equal(status, 200);
  assert.equal((body['items'] as unknown[]).length, 1);
  const texts = (body['wrong'] as { readonly text: string }[]).map(({ text }) => text);
  assert.ok(texts.includes('webhooks: unknown, this shard is away'), texts.join('\n'));
});
