/**
 * The ways to install: the release tarball, the image, compose.yaml, the systemd units. `CIM_LONG=1` has npm install in the
 * replay of the Dockerfile, where otherwise the packages that are installed here stand in for `npm ci`, and runs hadolint.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { settings } from '@cim/runtime';
import { OwnNetwork } from '@cim/testkit';
import { parse } from 'yaml';
import { instructionsOf, replay } from './dockerfile.ts';

const { tool } = (await import(new URL('../scripts/tools.mjs', import.meta.url).href)) as {
  tool(name: 'hadolint' | 'helm'): string;
};

const ROOT = process.cwd();
const LONG = process.env['CIM_LONG'] === '1';
const ADMIN_TOKEN = 'a-token-of-thirty-two-characters!';
/** Asks for the pages: the web chat, and that of operators with its script. */
const PAGES = [
  ...[process.execPath, '--input-type=module', '-e'],
  `for (const path of [':8083/', ':8082/admin', ':8082/admin/page/page.js'])
    if ((await fetch('http://127.0.0.1' + path)).status !== 200) throw new Error(path);`,
];
const REGISTER = `
const post = (path, body) => fetch('http://127.0.0.1:8083' + path, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const account = await post('/v1/accounts', { name: 'ann', password: 'correct horse' });
const page = await fetch('http://127.0.0.1:8083/');
if (account.status !== 201 || page.status !== 200) throw new Error(account.status + ' ' + page.status);
`;

const run = (command: string, args: readonly string[], cwd = ROOT): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe('packages', { timeout: 300_000 }, () => {
  let folder: string;
  /** The unpacked release. */
  let release: string;
  /** A folder with `node` and nothing else: the PATH of machines without npm. */
  let onlyNode: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cim-packages-'));
    // The user of the image reads in it too.
    chmodSync(folder, 0o755);
    onlyNode = join(folder, 'only-node');
    mkdirSync(onlyNode);
    symlinkSync(process.execPath, join(onlyNode, 'node'));
    const file = run(process.execPath, ['scripts/release.mjs']).trim();
    run('sha256sum', ['--check', '--quiet', `${file}.sha256`], dirname(file));
    run('tar', ['xzf', file], folder);
    const [name = ''] = readdirSync(folder).filter((entry) => entry.startsWith('cim-'));
    release = join(folder, name);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('the release runs from an empty folder without npm and without a network', async () => {
    assert.ok(
      !readdirSync(join(release, 'node_modules')).includes('typescript'),
      'tools of development are in it',
    );
    const env = {
      ...{ PATH: onlyNode, HOME: folder, CIM_DATA_DIR: join(folder, 'data') },
      CIM_ADMIN_TOKEN: ADMIN_TOKEN,
    };
    const server = new OwnNetwork([process.execPath, 'scripts/run.mjs', 'standalone'], { cwd: release, env });
    try {
      await server.succeeds([process.execPath, 'scripts/health.mjs']);
      // The im-server is ready a moment before the route listens.
      await server.succeeds(PAGES);
      const registered = server.run([process.execPath, '--input-type=module', '-e', REGISTER]);
      assert.equal(`${registered.status} ${registered.text}`, '0 ');
      const help = server.run([process.execPath, 'scripts/run.mjs', 'im-server', '--help']);
      assert.match(help.text, /CIM_TCP_PORT/);
      const sent = server.run([process.execPath, 'dist/cim.js', 'admin', '--help']);
      assert.equal(sent.status, 0, sent.text);
      assert.equal(await server.end(), 0, server.said);
    } finally {
      await server.end('SIGKILL');
    }
  });

  it('the Dockerfile, step by step in empty folders, makes an image that runs as a user without rights and tells its health', async () => {
    const path = LONG ? (process.env['PATH'] ?? '') : `${standInForNpm(folder)}:${process.env['PATH']}`;
    // Shown by npm test.
    if (!LONG)
      console.log('# not carried out: npm ci of the Dockerfile; CIM_LONG=1 npm test -- packages does it');
    const image = replay('Dockerfile', ROOT, join(folder, 'image'), path);
    assert.ok(image.uid > 0, 'the image runs as root');
    const env = {
      ...image.env,
      PATH: onlyNode,
      HOME: folder,
      CIM_ADVERTISE_HOST: '127.0.0.1',
      CIM_INSECURE: 'true',
      CIM_AUTH: 'password',
      CIM_ADMIN_TOKEN: ADMIN_TOKEN,
    };
    const [program = '', ...rest] = image.command;
    assert.equal(program, 'node');
    const server = new OwnNetwork([process.execPath, ...rest], { cwd: image.cwd, env, uid: image.uid });
    const health = [process.execPath, ...image.healthCheck.slice(1)];
    assert.equal(image.healthCheck[0], 'node');
    try {
      await server.succeeds(health);
      await server.succeeds(PAGES);
      const registered = server.run([process.execPath, '--input-type=module', '-e', REGISTER]);
      assert.equal(`${registered.status} ${registered.text}`, '0 ');
      if (process.getuid?.() === 0)
        assert.match(readFileSync(`/proc/${server.pid}/status`, 'utf8'), /^Uid:\t1000\t1000\t1000\t1000$/m);
      assert.equal(await server.end(), 0, server.said);
    } finally {
      await server.end('SIGKILL');
    }
  });

  it('the health check of a container fails while nobody listens, and says so', () => {
    const { status, stdout } = spawnSync(
      'unshare',
      [process.getuid?.() === 0 ? '-n' : '-rn', process.execPath, 'scripts/health.mjs'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 1, stdout);
  });

  it('the Dockerfile pins its base and ends as another user than root', () => {
    const instructions = instructionsOf(readFileSync('Dockerfile', 'utf8'));
    const bases = instructions
      .filter(({ word }) => word === 'FROM')
      .map(({ rest }) => rest.replace(/ AS .*/, ''));
    assert.equal(bases.length, 2);
    for (const base of bases) assert.match(base, /^node:20\.\d+\.\d+-\w+-slim$/);
    assert.equal(new Set(bases).size, 1);
    assert.equal(instructions.findLast(({ word }) => word === 'USER')?.rest, '1000:1000');
  });

  if (LONG)
    it('hadolint finds no fault in the Dockerfile', () => {
      const { status, stdout } = spawnSync(tool('hadolint'), ['Dockerfile'], { encoding: 'utf8' });
      assert.equal(`${status} ${stdout}`, '0 ');
    });
  else
    console.log(
      '# not carried out: hadolint, which comes from PyPI; CIM_LONG=1 npm test -- packages does it',
    );

  it('docker-compose accepts compose.yaml: every server waits for the engines, and is told only settings that it reads', () => {
    interface Service {
      readonly command?: readonly string[] | string;
      readonly environment?: Record<string, string>;
      readonly depends_on?: Record<string, { condition: string }>;
      readonly healthcheck?: unknown;
      readonly image: string;
      readonly ports?: readonly string[];
      readonly secrets?: readonly { source: string }[];
    }
    const { services, secrets } = parse(run('docker-compose', ['-f', 'compose.yaml', 'config'])) as {
      services: Record<string, Service>;
      secrets: Record<string, unknown>;
    };
    const ours = Object.entries(services).filter(([, { image }]) => image.startsWith('cim:'));
    assert.deepEqual(ours.map(([name]) => name).sort(), ['im-server-1', 'im-server-2', 'relay', 'route']);
    const known = new Set(Object.values(settings).flatMap(({ env }) => [env, `${env}_FILE`]));
    const help = JSON.parse(readFileSync('scripts/help.json', 'utf8')) as Record<string, string>;
    for (const [name, service] of ours) {
      const program = String(service.command);
      assert.ok(program in help, `${name} starts ${program}`);
      for (const setting of Object.keys(service.environment ?? {})) {
        assert.ok(known.has(setting), `${name}: there is no setting ${setting}`);
        assert.ok(
          help[program]?.includes(setting.replace(/_FILE$/, '')),
          `${program} does not read ${setting}`,
        );
      }
      for (const engine of ['redis', 'zookeeper'])
        assert.equal(
          service.depends_on?.[engine]?.condition,
          'service_healthy',
          `${name} does not wait for ${engine}`,
        );
      for (const { source } of service.secrets ?? []) assert.ok(source in secrets);
    }
    for (const [name, { ports = [], depends_on = {} }] of Object.entries(services)) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, `${name} is open to the world`);
      for (const other of Object.keys(depends_on)) {
        const target = services[other];
        // Our image has its check in the Dockerfile.
        assert.ok(
          target?.healthcheck !== undefined || target?.image.startsWith('cim:'),
          `${other} has no health check`,
        );
      }
    }
  });

  it('nginx accepts the door of compose.yaml, and it passes on to the services by their names', () => {
    const conf = readFileSync('deploy/compose-nginx.conf', 'utf8');
    const hosts = [...conf.matchAll(/(?:server|proxy_pass http:\/\/)\s*([a-z][\w-]*):\d+/g)].map(
      ([, host = '']) => host,
    );
    assert.deepEqual(hosts.sort(), ['im-server-1', 'im-server-2', 'route']);
    const file = join(folder, 'nginx.conf');
    writeFileSync(
      file,
      conf.replace(/\b(im-server-\d|route):/g, '127.0.0.1:').replace('/tmp/nginx.pid', join(folder, 'pid')),
    );
    const { status, stderr } = spawnSync('nginx', ['-t', '-c', file, '-e', 'stderr', '-g', ''], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  it('systemd accepts the unit for each server, and the unit starts the release', async () => {
    const unit = readFileSync('deploy/systemd/cim@.service', 'utf8')
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/opt/cim', release);
    const units = join(folder, 'units');
    mkdirSync(units);
    writeFileSync(join(units, 'cim@.service'), unit);
    for (const program of ['route', 'im-server', 'relay', 'standalone']) {
      const file = join(units, `cim@${program}.service`);
      symlinkSync('cim@.service', file);
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], {
        encoding: 'utf8',
      });
      assert.equal(`${status} ${stderr}`, '0 ', program);
    }
    const score = run('systemd-analyze', [
      'security',
      '--offline=yes',
      '--no-pager',
      join(units, 'cim@route.service'),
    ]);
    const [, exposure = '10'] = /exposure level for \S+: ([\d.]+)/.exec(score) ?? [];
    assert.ok(Number(exposure) < 2.5, `exposure ${exposure}`);
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    assert.ok(seconds > 20, 'a supervisor of several processes stops within 20 s');

    const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit.replaceAll('%i', 'standalone')) ?? [];
    const [, directory = ''] = /^WorkingDirectory=(.*)$/m.exec(unit) ?? [];
    const env = { PATH: onlyNode, HOME: folder, CIM_DATA_DIR: join(folder, 'unit-data') };
    const server = new OwnNetwork(command.split(' '), { cwd: directory, env });
    try {
      await server.succeeds([process.execPath, 'scripts/health.mjs']);
      assert.equal(await server.end(), 0, server.said);
    } finally {
      await server.end('SIGKILL');
    }
  });
});

/** A folder with an `npm` whose `ci` takes the packages that are installed here. */
function standInForNpm(folder: string): string {
  const bin = join(folder, 'stand-in');
  mkdirSync(bin);
  const modules = join(ROOT, 'node_modules');
  // Our own packages are links to the folders beside it: they must be those that were copied.
  const script = [
    '#!/bin/sh',
    'test "$1" = ci && test -f package-lock.json || exit 1',
    'mkdir node_modules',
    `ln -s ${modules}/* node_modules/`,
    'rm node_modules/@cim',
    `cp -a ${modules}/@cim node_modules/`,
  ];
  writeFileSync(join(bin, 'npm'), `${script.join('\n')}\n`, { mode: 0o755 });
  return bin;
}
