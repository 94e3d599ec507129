import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId } from '@cim/protocol';
import { ADMIN_TOKEN, INSTANCE, RunningRoute } from '../../test/running-route.ts';
import { shareOf } from './share.ts';

test('the share of each im-server is the mean, rounded up; a draining one is left out', () => {
  const counts = (...sessions: number[]) => sessions.map((own) => ({ moving: 'none', own, cim: 0 }));
  assert.equal(shareOf(counts(100, 100, 0)), 67);
  assert.equal(shareOf(counts(5)), 5);
  assert.equal(shareOf([]), 0);
  assert.equal(shareOf([...counts(10, 20), { moving: 'drain', own: 500, cim: 1 }]), 15);
  assert.equal(shareOf([{ moving: 'rebalance', own: 1, cim: 9 }, ...counts(0)]), 5);
});

test('a drain of the only im-server, of a missing one, or with unknown fields is refused', async (t) => {
  const at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN } });
  t.after(() => at.stop());
  const refused = async (...asked: Parameters<typeof at.admin>): Promise<string> => {
    const { status, body } = await at.admin(...asked);
    return `${status} ${String(body['detail'])}`;
  };
  assert.match(await refused('POST', `/servers/${INSTANCE}/drain`), /^400 no other im-server takes logins/);
  assert.match(
    await refused('POST', '/servers/10.0.0.9:1:2/drain'),
    /^404 no im-server "10.0.0.9:1:2" is listed/,
  );
  assert.match(
    await refused('DELETE', `/servers/${INSTANCE}/drain`),
    /^400 the im-server .* is not drained now/,
  );
  for (const [body, problem] of [
    [{ rate: 0 }, /^400 rate, sessions a second, must be/],
    [{ rate: 'fast' }, /^400 rate, sessions a second, must be/],
    [{ thenExit: 1 }, /^400 thenExit must be true or false/],
    [{ slowly: true }, /^400 slowly is not known; give rate, thenExit/],
    [[], /^400 the body must be a JSON object/],
  ] as const)
    assert.match(await refused('POST', `/servers/${INSTANCE}/drain`, body), problem);
  assert.match(
    await refused('POST', '/rebalance', { thenExit: true }),
    /^400 thenExit is not known; give rate/,
  );
  assert.equal((await at.admin('GET', `/servers/127.0.0.1:11211:8081/drain`)).body['moving'], 'none');
});

test('a server that does not answer is named, and nothing is moved on unknown numbers', async (t) => {
  const at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN } });
  t.after(() => at.stop());
  await at.membership.announce({
    ...{ host: '127.0.0.1', tcpPort: 1, httpPort: 1 },
    instance: 'a-second-server0' as InstanceId,
  });
  const { status, body } = await at.admin('POST', '/rebalance');
  assert.equal(status, 503);
  assert.match(String(body['detail']), /^the im-server at 127\.0\.0\.1:1:1 could not be asked: /);
});
