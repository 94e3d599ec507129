// npm run release: packs what runs without npm and without a network into dist/cim-<version>-<system>.tar.gz: the built programs, the
// packages that they need, the documents and deploy/. `--folder PATH` lays it out in an empty folder instead, as the Dockerfile does.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkNode, exclusively, giveUp, install } from './set-up.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Without a build and without the files of development. */
const COPIED = [
  ...['LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'docs', 'deploy', 'compose.yaml', 'Dockerfile'],
  ...['scripts/run.mjs', 'scripts/set-up.mjs', 'scripts/help.json', 'scripts/health.mjs'],
];
const COMMANDS = ['start', 'chat', 'cim', 'route', 'im-server', 'relay'];
/** The pages are built into dist/, packages included; the testkit is for tests. */
const PAGES = ['web', 'admin-page'];
const LEFT_OUT = [...PAGES.map((page) => `apps/${page}`), 'libs/testkit'];

const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** Folders below node_modules/ that the programs need, as package-lock.json has them. */
function neededPackages() {
  const { packages } = readJson('package-lock.json');
  const found = new Set();
  const visit = (path) => {
    const { dependencies = {}, optionalDependencies = {} } = packages[path];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const place = placeOf(name, path, packages);
      if (place === undefined) {
        if (name in optionalDependencies) continue;
        giveUp(`package-lock.json has no ${name}, which ${path} needs`);
      }
      const { link, optional, version } = packages[place];
      if (link || found.has(place)) continue;
      // Packages for other systems are named in the lock and not installed.
      if (!existsSync(join(root, place))) {
        if (optional) continue;
        giveUp(`the package ${name} is not installed; run: npm ci`);
      }
      const there = readJson(`${place}/package.json`).version;
      if (there !== version) giveUp(`${name} ${version} is wanted, ${there} is installed; run: npm ci`);
      found.add(place);
      visit(place);
    }
  };
  for (const path of Object.keys(packages))
    if (/^(apps|libs)\/[^/]+$/.test(path) && !LEFT_OUT.includes(path)) visit(path);
  return [...found].sort();
}

/** Where Node finds a package from a folder: the nearest node_modules upwards. */
function placeOf(name, from, packages) {
  for (let folder = from; ; folder = folder.includes('/') ? posix.dirname(folder) : '') {
    const place = posix.join(folder, 'node_modules', name);
    if (packages[place] !== undefined) return place;
    if (folder === '') return undefined;
  }
}

/** What the build has made of the servers. The SDK is a package of its own, and an older release is none of this one. */
const isProgram = (name) => name === 'parts' || PAGES.includes(name) || /\.js(\.map)?$/.test(name);

/** Of a package: no types, maps and manuals. Packages inside packages are visited by themselves. */
const isNeeded = (path) =>
  !path.includes('/node_modules') && (!/\.([cm]?ts|map|md)$/.test(path) || /licen[cs]e/i.test(path));

/** Lays the release out in a folder that is not there or is empty. */
export function layOut(folder) {
  if (existsSync(folder) && readdirSync(folder).length > 0) giveUp(`${folder} is not empty`);
  mkdirSync(folder, { recursive: true });
  const copy = (path, filter) =>
    cpSync(join(root, path), join(folder, path), { recursive: true, dereference: true, filter });
  for (const path of COPIED) copy(path);
  for (const name of readdirSync(join(root, 'dist'))) if (isProgram(name)) copy(`dist/${name}`);
  const places = neededPackages();
  for (const place of places) copy(place, (path) => isNeeded(path.slice(join(root, place).length)));
  const { name, version, description, license, type, engines, bin, scripts } = readJson('package.json');
  const about = {
    ...{ name, version, private: true, description, license, type, engines, bin },
    scripts: Object.fromEntries(COMMANDS.map((command) => [command, scripts[command]])),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(about, null, 2)}\n`);
  return places.length;
}

/** Packs the release; the same sources give the same bytes. Answers the file. */
function pack() {
  const { version } = readJson('package.json');
  const name = `cim-${version}-${process.platform}-${process.arch}`;
  const parent = join(root, 'dist', 'cim-release');
  rmSync(parent, { recursive: true, force: true });
  layOut(join(parent, name));
  const file = join(root, 'dist', `${name}.tar.gz`);
  const flags = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u+rw,go-w,a+rX',
  ];
  execFileSync('tar', ['-C', parent, ...flags, '-I', 'gzip -n', '-cf', file, name]);
  rmSync(parent, { recursive: true });
  const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
  writeFileSync(`${file}.sha256`, `${sum}  ${name}.tar.gz\n`);
  return file;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  checkNode();
  const [flag, folder, ...more] = process.argv.slice(2);
  if ((flag !== undefined && (flag !== '--folder' || folder === undefined)) || more.length > 0)
    giveUp('usage: npm run release [-- --folder PATH]');
  await install();
  const { build, upToDate } = await import('./build.mjs');
  if (!upToDate()) await exclusively(build);
  if (flag === undefined) console.log(pack());
  else console.log(`${layOut(folder)} packages and the programs are in ${folder}`);
}
