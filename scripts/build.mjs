// Bundles each program into dist/<app>.js: this repository's code in one file, packages from node_modules.
// A build is skipped when no source is newer than the last one.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const APPS = ['route', 'im-server', 'cli-client', 'standalone'];

/** The time of the newest source file, in ms. */
function newestSource() {
  let newest = 0;
  const walk = (dir) => {
    for (const item of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, item.name);
      if (item.isDirectory()) walk(path);
      else newest = Math.max(newest, statSync(path).mtimeMs);
    }
  };
  for (const dir of ['libs', 'apps']) walk(join(root, dir));
  for (const file of ['package-lock.json', 'scripts/build.mjs'])
    newest = Math.max(newest, statSync(join(root, file)).mtimeMs);
  return newest;
}

/** What is not ours stays outside the bundles: every dependency of any workspace. */
function packages() {
  const names = new Set();
  for (const dir of ['libs', 'apps'])
    for (const name of readdirSync(join(root, dir))) {
      const { dependencies = {} } = JSON.parse(readFileSync(join(root, dir, name, 'package.json'), 'utf8'));
      for (const dependency of Object.keys(dependencies))
        if (!dependency.startsWith('@cim/')) names.add(dependency);
    }
  return [...names].flatMap((name) => [name, `${name}/*`]);
}

const stamp = join(root, 'dist', '.built');

/** Whether the last build has all sources as they are now. */
export const upToDate = () => existsSync(stamp) && statSync(stamp).mtimeMs >= newestSource();

export async function build() {
  if (upToDate()) return;
  const newest = newestSource();
  const { build: bundle } = await import('esbuild');
  mkdirSync(join(root, 'dist'), { recursive: true });
  await bundle({
    absWorkingDir: root,
    entryPoints: APPS.map((app) => ({ in: `apps/${app}/src/main.ts`, out: app })),
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    external: packages(),
    logLevel: 'warning',
  });
  writeFileSync(stamp, '');
  // Not now: a source that changed during the build is newer than what was built.
  utimesSync(stamp, new Date(Math.ceil(newest)), new Date(Math.ceil(newest)));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await build();
