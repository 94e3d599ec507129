import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { decodeContent, encodeContent, inboxOf, messageId, type ProducerId, type Seq } from '@cim/protocol';
import { until } from '@cim/testkit';
import { ADMIN_TOKEN, RunningRoute } from '../../test/running-route.ts';

async function start(t: TestContext) {
  const at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN } });
  t.after(() => at.stop());
  const [alice, bob] = [await at.join('alice'), await at.join('bob')];
  const id = 'a-held-message-of-a-test' as ProducerId;
  const message = {
    ...{ id, sender: { userId: alice.userId, userName: 'alice' }, to: inboxOf(bob.userId) },
    ...{ content: encodeContent({ texts: ['look'] }), reason: 'a link' },
  };
  assert.equal(await at.store.held.add(message, 10), 'ok');
  const texts = async (): Promise<(string | undefined)[]> =>
    (await at.store.streams.read(inboxOf(bob.userId), 1 as Seq, 10)).map(
      ({ content }) => decodeContent(content)?.texts[0],
    );
  return { at, ask: at.admin.bind(at), id, alice, bob, texts };
}

test('a held message is listed, and stored when it is allowed', async (t) => {
  const { ask, id, alice, bob, texts } = await start(t);
  const listed = (await ask('GET', '/held')).body as { items: { heldAt: string }[]; waiting: number };
  const heldAt = listed.items[0]?.heldAt;
  const message = messageId(alice.userId, id, 0);
  assert.deepEqual(listed, {
    items: [
      {
        ...{ held: id, id: message, from: { id: String(alice.userId), name: 'alice' } },
        ...{ to: { user: String(bob.userId) }, texts: ['look'], reason: 'a link', heldAt },
      },
    ],
    waiting: 1,
  });
  const allowed = await ask('POST', `/held/${id}/allow`);
  assert.deepEqual([allowed.status, allowed.body], [200, { held: id, id: message, outcome: 'stored' }]);
  assert.deepEqual(await texts(), ['look']);
  assert.deepEqual((await ask('GET', '/held')).body, { items: [], waiting: 0 });
  for (const act of ['allow', 'refuse']) {
    const again = await ask('POST', `/held/${id}/${act}`, {});
    assert.deepEqual([again.status, again.body['code']], [404, '9538']);
  }
});

test('a held message that is refused is not stored, and its sender is told why', async (t) => {
  const { at, ask, id, alice, texts } = await start(t);
  const wrong = await ask('POST', `/held/${id}/refuse`, { reason: 7 });
  assert.deepEqual([wrong.status, wrong.body['code']], [400, '3000']);
  const refused = await ask('POST', `/held/${id}/refuse`, { reason: 'no links' });
  assert.deepEqual([refused.body['outcome'], refused.body['why']], ['refused', 'no links']);
  assert.deepEqual(await texts(), []);
  const told = `unsent ${alice.userId} 9535 no links`;
  await until('the sender is told', () => at.rung.includes(told));
});

test('an allowed message that its recipient does not take is told as refused', async (t) => {
  const { at, ask, id, alice, bob, texts } = await start(t);
  await at.store.blocks.block(bob.userId, alice.userId);
  const answer = await ask('POST', `/held/${id}/allow`);
  assert.deepEqual(
    [answer.body['outcome'], answer.body['why']],
    ['refused', 'The recipient has blocked you'],
  );
  assert.deepEqual(await texts(), []);
});

test('an id that cannot be one is answered as unknown', async (t) => {
  const { ask } = await start(t);
  const answer = await ask('POST', '/held/x/allow');
  assert.deepEqual([answer.status, answer.body['code']], [404, '9538']);
});
