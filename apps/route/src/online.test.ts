import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamedUser } from '@cim/protocol';
import { longestTurn } from '@cim/testkit';
import { INSTANCE, RunningRoute } from '../test/running-route.ts';
import { Online } from './online.ts';
import type { RouteParts } from './route-parts.ts';
import { ONLINE_AT_MOST } from './schemas.ts';

test('/onlineUser without a limit answers up to 100,000, and says in a header that there are more', async (t) => {
  const users = Array.from({ length: ONLINE_AT_MOST + 1 }, (_, i) => ({
    userId: i + 1,
    userName: `u${i + 1}`,
  }));
  const at = await RunningRoute.start({
    storeFor: (store) => {
      const { sessions } = store;
      const crowded: object = Object.create(sessions, {
        online: {
          value: (instance: string) => Promise.resolve((instance === INSTANCE ? users : []) as NamedUser[]),
        },
      }) as object;
      return { ...store, sessions: crowded as typeof sessions };
    },
  });
  t.after(() => at.stop());
  const first = await at.get('/onlineUser');
  assert.deepEqual(first.dataBody, users.slice(0, ONLINE_AT_MOST));
  assert.equal(first.headers.get('x-cim-more'), 'true');
  const rest = await at.get(`/onlineUser?after=${ONLINE_AT_MOST}`);
  assert.deepEqual(rest.dataBody, users.slice(-1));
  assert.equal(rest.headers.get('x-cim-more'), null);
});

test('a list of 100,000 users becomes text in turns of less than 50 ms of CPU time', async () => {
  const users = Array.from({ length: ONLINE_AT_MOST }, (_, i) => ({
    userId: i + 1,
    userName: `näme "${i}"`,
  })) as unknown as NamedUser[];
  const made = new Online({} as RouteParts).text(users);
  const longest = await longestTurn(made);
  assert.equal(await made, JSON.stringify(users));
  assert.ok(longest < 50, `${longest} ms`);
});

test('the users online are unknown while no server is listed and the registry does not answer', async () => {
  const membership = { members: () => [], connected: false, description: 'ZooKeeper' };
  const online = new Online({ membership } as unknown as RouteParts);
  await assert.rejects(online.page(10, 0), { code: '4000', message: /not known: ZooKeeper does not answer/ });
  membership.connected = true;
  assert.deepEqual(await online.page(10, 0), { users: [], more: false });
});
