// The servers that tests need: found, or installed where that is possible (root on Debian), or named.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

const NEEDED = [
  {
    what: 'Redis',
    found: () => has('redis-server') && has('redis-cli'),
    packages: ['redis-server', 'redis-tools'],
  },
  { what: 'Redis Sentinel', found: () => has('redis-sentinel'), packages: ['redis-sentinel'] },
  {
    what: 'ZooKeeper',
    found: () => has('java') && existsSync('/usr/share/java/zookeeper.jar'),
    packages: ['zookeeper', 'default-jre-headless'],
  },
  { what: 'tmux', found: () => has('tmux'), packages: ['tmux'] },
  { what: 'Chromium', found: () => has('chromium'), packages: ['chromium'] },
  { what: 'nginx', found: () => has('nginx'), packages: ['nginx-light'] },
  { what: 'HAProxy', found: () => has('haproxy'), packages: ['haproxy'] },
  { what: 'OpenSSL', found: () => has('openssl'), packages: ['openssl'] },
  { what: 'Prometheus', found: () => has('prometheus') && has('promtool'), packages: ['prometheus'] },
  { what: 'systemd-analyze', found: () => has('systemd-analyze'), packages: ['systemd'] },
  { what: 'docker-compose', found: () => has('docker-compose'), packages: ['docker-compose'] },
  { what: 'ip', found: () => has('ip'), packages: ['iproute2'] },
  { what: 'Python', found: () => has('python3'), packages: ['python3'] },
];

/** Throws, with one line, when something is missing and cannot be installed. Nothing is started here. */
export function ensureServices() {
  const missing = NEEDED.filter(({ found }) => !found());
  if (missing.length === 0) return;
  const names = missing.map(({ what }) => what).join(', ');
  if (process.getuid?.() !== 0 || !has('apt-get'))
    throw new Error(
      `the tests need ${names}; install ${missing.flatMap(({ packages }) => packages).join(' ')}, or run as root on Debian`,
    );
  console.log(`installing ${names} ...`);
  // The packages' own services stay off: tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (...words) =>
    spawnSync('apt-get', ['-qq', ...words], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...missing.flatMap(({ packages }) => packages));
  const still = NEEDED.filter(({ found }) => !found());
  if (still.length > 0) throw new Error(`${still.map(({ what }) => what).join(', ')} could not be installed`);
}
