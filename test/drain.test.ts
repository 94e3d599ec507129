/** Im-servers are drained and rebalanced while people talk: everybody goes on elsewhere, and each text is shown once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CIM_COMMANDS, UnmodifiedCimClient, until } from '@cim/testkit';
import { brokenIn } from './chaos/row.ts';
import { Talk } from './chaos/talk.ts';
import { World } from './chaos/world.ts';

const TOKEN = 'a-token-of-thirty-two-characters!';
const PEOPLE = 9;
/** Sessions a second: a drain of some people takes longer than a message. */
const RATE = 10;

interface Standing {
  readonly instance: string;
  readonly server: string;
  readonly moving: string;
  readonly own: number;
  readonly cim: number;
  readonly left: number;
  readonly moved: number;
}

test('sessions move from a drained im-server and to a new one, while everybody talks: exactly once', {
  timeout: 60_000,
}, async (t) => {
  await using world = await World.start({
    ...{ routes: 1, imServers: 2 },
    env: { CIM_ADMIN_TOKEN: TOKEN, CIM_DRAIN_RATE: String(RATE), CIM_LOG_LEVEL: 'info' },
  });
  const admin = async (method: string, path: string, body: object = {}) => {
    const answer = await fetch(`${world.routes[0]?.routeInternalUrl}/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as Standing & { readonly items: readonly Standing[]; readonly share: number };
  };
  const [first, second] = world.imServers;
  assert.ok(first && second);
  const readiness = async () => (await fetch(`http://127.0.0.1:${first.httpPort}/readyz`)).status;
  const standings = async () => (await admin('GET', '/rebalance')).items;
  const at = async (server: typeof first): Promise<Standing> => {
    const found = (await standings()).find((one) => one.server.endsWith(`:${server.httpPort}`));
    assert.ok(found);
    return found;
  };
  const people = await world.invite(PEOPLE);
  // One lands on each im-server.
  const { routeUrl = '' } = world.routes[0] ?? {};
  const ofCim = await Promise.all(
    ['cim1', 'cim2'].map((name) => UnmodifiedCimClient.register(routeUrl, name)),
  );
  for (const one of ofCim) await one.connect();
  assert.equal((await at(first)).cim, 1);
  using talk = new Talk(people, { perSecond: 150 });
  talk.start();
  const onward = async (): Promise<void> => {
    const before = talk.said;
    await until('they talk on', () => talk.said > before + 50);
  };
  await onward();

  // Drain the first.
  const { instance } = await at(first);
  const begun = await admin('POST', `/servers/${instance}/drain`);
  assert.equal(begun.moving, 'drain');
  assert.ok(begun.left > 0 && begun.moved === 0, JSON.stringify(begun));
  const lefts: number[] = [];
  await until('nobody is left', async () => {
    const { left } = await admin('GET', `/servers/${instance}/drain`);
    if (left !== lefts.at(-1)) lefts.push(left);
    return left === 0;
  });
  t.diagnostic(`left: ${lefts.join(' ')}`);
  assert.ok(lefts.length > 2, 'it was seen to go down');
  assert.equal(await readiness(), 503);
  await until('all are at the second', async () => (await at(second)).own === PEOPLE);
  await onward();
  assert.equal((await at(first)).own, 0);
  assert.equal(first.ended, false);
  // The CIM client that was there is not; logged in again it is at the second, with what came for it meanwhile.
  const moved = ofCim.filter(({ channel }) => !channel.isOpen);
  const [one, ...more] = moved;
  const other = ofCim.find(({ channel }) => channel.isOpen);
  assert.ok(one && other && more.length === 0);
  assert.equal((await other.toUser(one.userId, 'while you were away')).code, '7000');
  await one.connect();
  assert.deepEqual([(await at(first)).cim, (await at(second)).cim], [0, 2]);
  await one.fetchOffline();
  assert.deepEqual(
    (await one.channel.next('what came meanwhile', ({ cmd }) => cmd === CIM_COMMANDS.offline)).batch,
    ['while you were away'],
  );
  for (const leaves of ofCim) await leaves.end();

  // It takes logins again, and is given its share.
  assert.equal((await admin('DELETE', `/servers/${instance}/drain`)).moving, 'none');
  assert.equal(await readiness(), 200);
  const { share } = await admin('POST', '/rebalance');
  assert.equal(share, Math.ceil(PEOPLE / 2));
  const least: number[] = [];
  await until('the second has given what is above the mean', async () => {
    const { own, moving } = await at(second);
    least.push(own);
    return moving === 'none';
  });
  assert.ok(Math.min(...least) >= share, least.join(' '));
  await until('all are back', async () => (await at(first)).own === PEOPLE - share);
  await onward();

  // The second is drained, and its process ends.
  await admin('POST', `/servers/${(await at(second)).server}/drain`, { rate: 50, thenExit: true });
  await until('its process has ended', () => second.ended);
  assert.equal(await world.killImServer(world.imServers.indexOf(second)), 0);
  await onward();
  talk.stop();
  const verdict = await world.verdict();
  t.diagnostic(`${verdict.sent} sent, ${verdict.shown} shown`);
  assert.deepEqual(brokenIn(verdict), []);
  assert.equal((await at(first)).own, PEOPLE);
});
