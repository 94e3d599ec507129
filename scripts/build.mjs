// Bundles each program into dist/<app>.js and dist/parts/: this repository's code; packages come from node_modules. The pages, the
// web chat and the operators' page, go into dist/web/ and dist/admin-page/ with all that they need.
// A build is skipped when the sources are those of the last one, wherever they have been copied since.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { giveUp, needs } from './set-up.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const APPS = ['route', 'im-server', 'relay', 'cli-client', 'standalone', 'cim'];
/** Key: an app that is a page. `files` are served unchanged. `mostBytes` holds for all that a browser loads, gzipped. */
const PAGES = {
  web: {
    files: ['index.html', 'icon.svg', 'manifest.webmanifest'],
    entries: { chat: ['main.tsx', 'style/chat.css'], worker: ['worker.ts'] },
    mostBytes: Infinity,
  },
  'admin-page': {
    files: ['index.html', 'icon.svg'],
    entries: { page: ['main.tsx', 'style/page.css'] },
    mostBytes: 120 * 1024,
  },
};
const stamp = join(root, 'dist', '.built');

/** Changes when a source is changed, added or removed. Tests do not count. */
function fingerprint() {
  const hash = createHash('sha256');
  const add = (path) => {
    const text = readFileSync(path);
    hash.update(`${relative(root, path)} ${text.length}\n`).update(text);
  };
  const walk = (dir) => {
    const items = readdirSync(dir, { withFileTypes: true });
    for (const item of items.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (item.isDirectory()) {
        if (item.name !== 'test' && item.name !== 'node_modules') walk(join(dir, item.name));
      } else if (!/\.(test|contract|model)\.ts$/.test(item.name)) add(join(dir, item.name));
    }
  };
  for (const dir of ['apps', 'libs']) walk(join(root, dir));
  for (const file of ['package-lock.json', 'scripts/build.mjs']) add(join(root, file));
  return hash.digest('hex');
}

const entryOf = (app) => (existsSync(join(root, 'apps', app, 'src', 'start.ts')) ? 'start.ts' : 'main.ts');

/** All dependencies of any workspace. They stay outside the bundles. */
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

/** Whether the last build was made from the present sources. */
export const upToDate = () =>
  existsSync(stamp) &&
  APPS.every((app) => existsSync(join(root, 'dist', `${app}.js`))) &&
  Object.entries(PAGES).every(([page, { files }]) =>
    files.every((file) => existsSync(join(root, 'dist', page, file))),
  ) &&
  readFileSync(stamp, 'utf8') === fingerprint();

/** Builds everything. Ends the process when a source cannot be built; esbuild has printed why. */
export async function build() {
  if (upToDate()) return;
  // Computed before the build, since a source that changes during the build is not in it.
  const sources = fingerprint();
  needs('esbuild');
  const { build: bundle } = await import('esbuild');
  mkdirSync(join(root, 'dist'), { recursive: true });
  rmSync(stamp, { force: true });
  rmSync(join(root, 'dist', 'parts'), { recursive: true, force: true });
  try {
    await bundle({
      absWorkingDir: root,
      entryPoints: APPS.map((app) => ({ in: `apps/${app}/src/${entryOf(app)}`, out: app })),
      outdir: 'dist',
      bundle: true,
      // The entry of a server checks its surroundings before it loads the rest, which is in separate files.
      splitting: true,
      chunkNames: 'parts/[name]-[hash]',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'linked',
      external: packages(),
      logLevel: 'warning',
    });
    for (const page of Object.keys(PAGES)) await buildPage(bundle, page);
  } catch (error) {
    // The errors of esbuild are printed already.
    if (!('errors' in error)) console.error(error);
    giveUp('the build failed; what is wrong is above');
  }
  writeFileSync(stamp, sources);
}

async function buildPage(bundle, page) {
  const { files, entries, mostBytes } = PAGES[page];
  const source = join(root, 'apps', page);
  const out = join(root, 'dist', page);
  rmSync(out, { recursive: true, force: true });
  await bundle({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).flatMap(([name, sources]) =>
      sources.map((file) => ({ in: `apps/${page}/src/${file}`, out: name })),
    ),
    outdir: out,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    tsconfig: `apps/${page}/tsconfig.json`,
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  for (const file of files) copyFileSync(join(source, file), join(out, file));
  let bytes = 0;
  for (const file of readdirSync(out)) {
    if (file.endsWith('.map')) continue;
    const zipped = gzipSync(readFileSync(join(out, file)), { level: 9 });
    bytes += zipped.length;
    if (file !== 'index.html') writeFileSync(join(out, `${file}.gz`), zipped);
  }
  if (bytes > mostBytes)
    giveUp(`apps/${page} has ${bytes} bytes gzipped, more than ${mostBytes}; make the page smaller`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await build();
