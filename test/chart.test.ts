/** The Helm chart as the real helm lints and renders it; no cluster of Kubernetes has run it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';

const CHART = 'deploy/helm/cim';
const SECRET = 'a secret of the tests that is long enough';
const LEAST = ['--set', `redis.url=redis://redis:6379,zookeeper=zk:2181,auth.clusterSecret=${SECRET}`];
const ALL = [
  ...LEAST,
  ...['--set', 'relay.enabled=true,tls.secretName=cim-tls,advertiseUrl=wss://chat.example.com/cim'],
  ...['--set', 'ingress.enabled=true,ingress.host=chat.example.com,ingress.tlsSecretName=web-tls'],
  ...['--set', 'trustedProxies=10.0.0.0/8'],
  ...['--set-string', 'settings.CIM_LOG_LEVEL=debug,imServer.settings.CIM_DRAIN_RATE=200'],
];
/** A supervisor of several processes stops within this time, a single server sooner [s]. */
const STOPS_WITHIN_S = 20;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string };
}
interface Container {
  readonly args: readonly string[];
  readonly env: readonly { name: string; value?: string; valueFrom?: unknown }[];
  readonly ports: readonly { name: string; containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: {
    readonly readOnlyRootFilesystem: boolean;
    readonly allowPrivilegeEscalation: boolean;
  };
}
interface Selector {
  readonly matchLabels: Record<string, string>;
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly stringData?: Record<string, string>;
  /** A Secret has none. */
  readonly spec: {
    readonly selector: Selector & Record<string, string>;
    readonly podSelector: Selector;
    readonly serviceName: string;
    readonly ports: readonly { port: number; targetPort: string }[];
    readonly ingress: readonly { ports: readonly { port: number }[]; from?: unknown }[];
    /** Of what runs Pods. */
    readonly template?: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
        readonly containers: readonly Container[];
      };
    };
  };
}

/** What runs Pods. */
type Server = Manifest & { readonly spec: { readonly template: NonNullable<Manifest['spec']['template']> } };
const isServer = (manifest: Manifest): manifest is Server =>
  manifest.kind === 'Deployment' || manifest.kind === 'StatefulSet';

describe('the chart', { timeout: 120_000 }, () => {
  let helm: string;
  let home: string;

  before(async () => {
    const { tool } = (await import(new URL('../scripts/tools.mjs', import.meta.url).href)) as {
      tool(name: 'helm'): string;
    };
    helm = tool('helm');
    home = mkdtempSync(join(tmpdir(), 'cim-chart-'));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  const run = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(helm, args, { encoding: 'utf8', env: { ...process.env, HOME: home } });

  function render(values: readonly string[]): Manifest[] {
    const { status, stdout, stderr } = run('template', 'chat', CHART, ...values);
    assert.equal(status, 0, stderr);
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null);
  }

  it('is accepted by helm lint with the least values and with all', () => {
    for (const values of [LEAST, ALL]) {
      const { status, stdout, stderr } = run('lint', '--strict', CHART, ...values);
      assert.equal(status, 0, `${stdout}${stderr}`);
    }
  });

  it('refuses values that are missing, too short or unknown, and names them', () => {
    const refusals: readonly [readonly string[], RegExp][] = [
      [['--set', 'zookeeper=zk:2181'], /redis\/url/],
      [['--set', 'redis.url=redis://r:6379'], /zookeeper/],
      // A number would be rounded: 10000000 becomes 1e+07.
      [[...LEAST, '--set', 'settings.CIM_DRAIN_RATE=5'], /got number, want string/],
      [['--set', 'redis.url=redis://r:6379,zookeeper=zk:2181'], /auth\.secretName, or auth\.clusterSecret/],
      [[...LEAST, '--set', 'auth.clusterSecret=short'], /clusterSecret/],
      [[...LEAST, '--set', 'settings.LOG_LEVEL=debug'], /LOG_LEVEL/],
      [[...LEAST, '--set', 'terminationGracePeriodSeconds=10'], /terminationGracePeriodSeconds/],
      [[...LEAST, '--set', 'imserver.replicas=3'], /imserver/],
      [[...LEAST, '--set', 'ingress.enabled=true'], /ingress\.host must be set/],
      [[...LEAST, '--set', 'ingress.enabled=true,ingress.host=c.example.com'], /trustedProxies must name/],
    ];
    for (const [values, why] of refusals) {
      const { status, stderr } = run('template', 'chat', CHART, ...values);
      assert.equal(status, 1, String(why));
      assert.match(stderr, why);
    }
  });

  it('runs route, im-server and relay as users without rights, each told only settings that it reads', () => {
    const help = JSON.parse(readFileSync('scripts/help.json', 'utf8')) as Record<string, string>;
    for (const [values, scheme] of [
      [[...LEAST, '--set', 'relay.enabled=true'], 'HTTP'],
      [ALL, 'HTTPS'],
    ] as const) {
      const servers = render(values).filter(isServer);
      assert.deepEqual(servers.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(), [
        'Deployment chat-relay',
        'Deployment chat-route',
        'StatefulSet chat-im-server',
      ]);
      for (const { spec, metadata } of servers) {
        const pod = spec.template.spec;
        const [container] = pod.containers;
        assert.ok(container);
        const [program = ''] = container.args;
        assert.equal(metadata.name, `chat-${program}`);
        assert.ok(pod.securityContext.runAsNonRoot && pod.securityContext.runAsUser === 1000);
        assert.ok(container.securityContext.readOnlyRootFilesystem);
        assert.equal(container.securityContext.allowPrivilegeEscalation, false);
        for (const name of container.env.map((entry) => entry.name))
          assert.ok(help[program]?.includes(name), `${program} does not read ${name}`);
        for (const [probe, path] of [
          [container.readinessProbe, '/readyz'],
          [container.livenessProbe, '/healthz'],
        ] as const)
          assert.deepEqual(probe.httpGet, { path, port: 'internal', scheme });
        assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
      }
    }
  });

  it('waits longer for a Pod than a server needs to drain, and has a budget for each kind of server', () => {
    const manifests = render(ALL);
    for (const { spec, metadata } of manifests.filter(isServer)) {
      const pause = Number(
        /^preStopSeconds: (\d+)$/m.exec(readFileSync(`${CHART}/values.yaml`, 'utf8'))?.[1],
      );
      assert.ok(spec.template.spec.terminationGracePeriodSeconds > pause + STOPS_WITHIN_S, metadata.name);
      const budget = manifests.find(
        (other) => other.kind === 'PodDisruptionBudget' && other.metadata.name === metadata.name,
      );
      assert.deepEqual(budget?.spec.selector.matchLabels, spec.template.metadata.labels);
    }
  });

  it('closes the internal ports to everybody but its own servers, and opens those for clients', () => {
    const manifests = render(ALL);
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
    assert.equal(policies.length, 3);
    for (const { spec, metadata } of policies) {
      const server = manifests.filter(isServer).find((other) => other.metadata.name === metadata.name);
      assert.deepEqual(spec.podSelector.matchLabels, server?.spec.template.metadata.labels);
      const internal = server?.spec.template.spec.containers[0]?.ports.find(
        ({ name }) => name === 'internal',
      );
      for (const { ports, from } of spec.ingress)
        assert.equal(
          from !== undefined,
          ports[0]?.port === internal?.containerPort,
          `port ${ports[0]?.port}`,
        );
      assert.ok(spec.ingress.some(({ ports }) => ports[0]?.port === internal?.containerPort));
    }
  });

  it('has Services that find their Pods, and keeps secrets out of everything but the Secret', () => {
    const manifests = render(ALL);
    for (const { spec } of manifests.filter(({ kind }) => kind === 'Service')) {
      const server = manifests
        .filter(isServer)
        .find(
          (other) =>
            other.spec.template.metadata.labels['app.kubernetes.io/component'] ===
            spec.selector['app.kubernetes.io/component'],
        );
      const names = server?.spec.template.spec.containers[0]?.ports.map(({ name }) => name) ?? [];
      for (const { targetPort } of spec.ports) assert.ok(names.includes(targetPort), targetPort);
    }
    const withSecret = manifests.filter((manifest) => JSON.stringify(manifest).includes(SECRET));
    assert.deepEqual(
      withSecret.map(({ kind }) => kind),
      ['Secret'],
    );
    // With a Secret of the operator's the chart makes none.
    const values = ['--set', 'redis.url=redis://redis:6379,zookeeper=zk:2181,auth.secretName=mine'];
    const own = render(values);
    assert.equal(own.filter(({ kind }) => kind === 'Secret').length, 0);
    assert.match(JSON.stringify(own), /"name":"mine","key":"cluster-secret"/);
  });
});
