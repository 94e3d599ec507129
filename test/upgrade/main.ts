/**
 * `npm run upgrade-test`: a cluster of an older version on real Redis and ZooKeeper is replaced by this one, server by server,
 * while people with SDKs of both versions talk. The checker of `npm run chaos` judges each device.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CimClient } from '@cim/client/node';
import { until } from '@cim/testkit';
import { brokenIn, figuresOf } from '../chaos/row.ts';
import { Talk } from '../chaos/talk.ts';
import { World } from '../chaos/world.ts';
import { OldSources } from './old-sources.ts';

/** The last build before the feed of events and the processes of one im-server for each core. */
const BEFORE = 'edbc312f3863553148531a79ace6c31f4bdbdf30';
const CROWD = { people: 10, devices: 2, groups: [2, 4, 6, 10] };
const IM_SERVERS = 3;
const PER_SECOND = 60;
const SIDE_BY_SIDE_MS = 15_000;
const BETWEEN_MS = 4_000;

const { values } = parseArgs({ options: { from: { type: 'string' }, seed: { type: 'string' } } });
const from = values.from ?? BEFORE;
const say = (text: string): void => console.log(`${Math.round(performance.now() / 1_000)} s: ${text}`);

say(`building ${from}`);
const old = await OldSources.of(from).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
});
const exits: string[] = [];
let broken: string[];
try {
  const { CimClient: OldClient } = (await import(`${old.root}/libs/client/src/node/index.ts`)) as {
    readonly CimClient: typeof CimClient;
  };
  await using world = await World.start({ oldRoot: old.root, routes: 2, imServers: IM_SERVERS });
  const sdk = (device: number): typeof CimClient => (device % 3 === 0 ? CimClient : OldClient);
  const people = await world.inviteGroups(CROWD, Number(values.seed ?? 1), undefined, sdk);
  using talk = new Talk(people, { perSecond: PER_SECOND, turnover: world.turnover });
  talk.start();
  await sleep(BETWEEN_MS);

  say('one im-server and one route are of this version');
  await world.addImServer();
  await world.restartRoute(0);
  await world.untilListed();
  await sleep(SIDE_BY_SIDE_MS);

  for (let i = 0; i < IM_SERVERS; i++) {
    say(`old im-server ${i + 1} ends`);
    exits.push(`im-server ${String(await world.killImServer(0, 'SIGTERM'))}`);
    await world.addImServer();
    await world.untilListed();
    await sleep(BETWEEN_MS);
  }
  say('the other route is of this version');
  await world.restartRoute(1);
  await sleep(BETWEEN_MS);
  talk.stop();
  await until('every device is connected', () => people.every(({ client }) => client.online), 60_000);
  say('judging');
  const verdict = await world.verdict();
  broken = [
    ...brokenIn(verdict, world.turnover),
    ...exits.filter((exit) => exit !== 'im-server 0'),
    ...people.flatMap(({ voice, ended }) => (ended === undefined ? [] : [`${voice} gave up: ${ended}`])),
  ];
  say(`${talk.said} said; ${figuresOf(verdict)}; exits: ${exits.join(', ')}`);
} finally {
  await old[Symbol.asyncDispose]();
}
for (const line of broken) console.log(`BROKEN ${line}`);
if (broken.length === 0) say('held: nothing lost, shown twice, out of order or refused');
process.exit(broken.length === 0 ? 0 : 1);
