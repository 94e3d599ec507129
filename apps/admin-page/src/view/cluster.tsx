import { ask } from '../api.ts';
import type { Cluster, ImServer } from '../answers.ts';
import { type Asked, useAsked } from '../asking.ts';
import { bytes, count, milliseconds, percent, since } from '../figures.ts';
import { Act, Badge, Bar, Problem, Section } from './parts.tsx';
import { Tiles } from './tiles.tsx';

const EVERY_MS = 3_000;

/** What is wrong comes first; then the im-servers, and what they stand on. */
export function ClusterView() {
  const asked = useAsked<Cluster>('/servers', EVERY_MS);
  const { answer, problem } = asked;
  return (
    <>
      <Problem text={problem === '' || answer === undefined ? problem : `${problem}; what is below is old`} />
      {answer !== undefined && (
        <>
          {/* Nobody knows what is wrong while the route does not say so. */}
          {problem === '' && <Standing wrong={answer.wrong} />}
          <Tiles />
          <Servers cluster={answer} asked={asked} />
          <Ground cluster={answer} />
        </>
      )}
    </>
  );
}

function Standing({ wrong }: Pick<Cluster, 'wrong'>) {
  const worst = wrong[0]?.level ?? 'good';
  return (
    <section class={`standing ${worst}`} aria-label="What is wrong">
      {wrong.every(({ level }) => level === 'note') && <p class="headline">All is well</p>}
      <ul>
        {wrong.map(({ level, text }) => (
          <li key={text}>
            <Badge tone={level}>{level}</Badge> {text}
          </li>
        ))}
      </ul>
    </section>
  );
}

const nameOf = ({ instance, host, tcpPort }: ImServer): string => instance ?? `${host}:${tcpPort}`;

function Servers({ cluster, asked }: { readonly cluster: Cluster; readonly asked: Asked<Cluster> }) {
  const { items } = cluster;
  const rebalancing = items.some(({ moving }) => moving === 'rebalance');
  return (
    <Section
      title={`Im-servers (${items.length})`}
      acts={
        rebalancing ? (
          <Act
            name="End rebalance"
            question="Sessions stay where they are from now on."
            act={() => ask('DELETE', '/rebalance')}
            onDone={asked.refresh}
          />
        ) : (
          <Act
            name="Rebalance"
            question="Im-servers with more sessions than the mean move the surplus to the others. Clients reconnect; no message is lost."
            act={() => ask('POST', '/rebalance', {})}
            onDone={asked.refresh}
          />
        )
      }
    >
      <div class="wide">
        <table class="cards">
          <thead>
            <tr>
              <th>Server</th>
              <th>State</th>
              <th class="figure">Sessions</th>
              <th class="figure">Connections</th>
              <th>CPU</th>
              <th class="figure">Loop late</th>
              <th class="figure">Memory</th>
              <th class="figure">Up</th>
              <th>Build</th>
              <th>
                <span class="unseen">Acts</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((server) => (
              <Server key={nameOf(server)} server={server} onDone={asked.refresh} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Server({ server, onDone }: { readonly server: ImServer; readonly onDone: () => void }) {
  const { instance, host, tcpPort, load, moving, startedAt, version } = server;
  const path = `/servers/${encodeURIComponent(instance ?? '')}/drain`;
  return (
    <tr>
      <th scope="row">
        {nameOf(server)}
        <span class="quiet">
          {host}:{tcpPort}
        </span>
      </th>
      <td data-name="State">
        <State server={server} />
      </td>
      <td class="figure" data-name="Sessions">
        {load && count(load.sessions)}
      </td>
      <td class="figure" data-name="Connections">
        {load && count(load.connections)}
      </td>
      <td data-name="CPU">{load && <Bar share={load.cpu} label={`CPU of ${nameOf(server)}`} />}</td>
      <td class="figure" data-name="Loop late">
        {load && milliseconds(load.loopDelayMs)}
      </td>
      <td class="figure" data-name="Memory">
        {load && bytes(load.rssBytes)}
      </td>
      <td class="figure" data-name="Up">
        {startedAt !== undefined && since(startedAt)}
      </td>
      <td data-name="Build">{version}</td>
      <td class="acts">
        {instance !== undefined &&
          (moving === 'drain' ? (
            <Act
              name="End drain"
              question={`${nameOf(server)} takes logins again. Sessions that have moved stay where they are.`}
              act={() => ask('DELETE', path)}
              onDone={onDone}
            />
          ) : (
            <Act
              name="Drain"
              question={`The sessions of ${nameOf(server)} move to the other im-servers, and no login is placed there until the drain ends.`}
              danger
              act={() => ask('POST', path, {})}
              onDone={onDone}
            />
          ))}
      </td>
    </tr>
  );
}

function State({ server: { instance, load, moving, unknown } }: { readonly server: ImServer }) {
  if (instance === undefined) return <Badge tone="plain">of CIM</Badge>;
  if (unknown !== undefined) return <Badge tone="bad">no answer</Badge>;
  if (load?.serving === false) return <Badge tone="bad">not serving</Badge>;
  if (moving !== undefined)
    return <Badge tone="note">{moving === 'drain' ? 'draining' : 'rebalancing'}</Badge>;
  return <Badge tone="good">serving</Badge>;
}

const PROMISES = {
  disk: 'A stored message is on disk.',
  quorum: 'A stored message is on disk, and on every replica that is online.',
  fast: 'A stored message is in memory: a crash of Redis can lose the newest.',
} as const;

/** What the im-servers stand on: the store, the registry, this route. */
function Ground({ cluster: { store, registry, route } }: { readonly cluster: Cluster }) {
  return (
    <div class="grid">
      <Section title={store.engine === 'redis' ? 'Redis' : 'Store'}>
        <p>
          <Badge tone={store.problem === undefined ? 'good' : 'bad'}>
            {store.problem === undefined ? 'takes messages' : 'takes none'}
          </Badge>{' '}
          <Badge tone={store.durability === 'fast' ? 'warning' : 'plain'}>{store.durability}</Badge>
        </p>
        <p>{PROMISES[store.durability]}</p>
        <p class="quiet">{store.problem ?? store.description}</p>
      </Section>
      <Section title={registry.description === 'embedded' ? 'Registry' : 'ZooKeeper'}>
        <p>
          <Badge tone={registry.connected && registry.problem === undefined ? 'good' : 'bad'}>
            {registry.connected ? 'connected' : 'not connected'}
          </Badge>
        </p>
        <p>{registry.problem ?? 'Im-servers are found through it. Messages go on without it.'}</p>
        <p class="quiet">{registry.description}</p>
      </Section>
      <Section title="This route">
        <p>
          CPU {percent(route.load.cpu)}, event loop {milliseconds(route.load.loopDelayMs)} late at most,{' '}
          {bytes(route.load.rssBytes)} of memory
        </p>
        <p class="quiet">
          Build {route.version}, up {since(route.startedAt)}
        </p>
      </Section>
    </div>
  );
}
