// npm run build:client: makes dist/client, the package @cim/client as it is published. ESM and CommonJS with declarations and
// source maps; the packages of this repository are inside, those of others are dependencies.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'dist', 'client');
const ENTRIES = { index: 'index.ts', node: 'node/index.ts', browser: 'browser/index.ts' };
const own = JSON.parse(readFileSync(join(root, 'libs/client/package.json'), 'utf8'));
const dependencies = Object.fromEntries(
  Object.entries(own.dependencies).filter(([name]) => !name.startsWith('@cim/')),
);
const common = {
  absWorkingDir: root,
  platform: 'node',
  target: 'es2022',
  sourcemap: 'linked',
  logLevel: 'warning',
};

async function code() {
  const { metafile } = await build({
    ...common,
    entryPoints: Object.entries(ENTRIES).map(([name, file]) => ({
      in: `libs/client/src/${file}`,
      out: name,
    })),
    outdir: join(out, 'esm'),
    bundle: true,
    splitting: true,
    format: 'esm',
    metafile: true,
    // Those of servers are never reached: what uses them is left out.
    packages: 'external',
    plugins: [{ name: 'workspace', setup: ({ onResolve }) => onResolve({ filter: /^@cim\// }, inside) }],
  });
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external),
  );
  for (const { path } of imported)
    if (!path.startsWith('node:') && !(path in dependencies))
      throw new Error(`the package would need ${path}`);
  const files = readdirSync(join(out, 'esm')).filter((file) => file.endsWith('.js'));
  await build({
    ...common,
    entryPoints: files.map((file) => join(out, 'esm', file)),
    outdir: join(out, 'cjs'),
    format: 'cjs',
  });
}

/** The source of a workspace's package, by its own `exports`. */
function inside({ path }) {
  const [, name, door] = /^@cim\/([^/]+)(?:\/(.+))?$/.exec(path);
  const { exports } = JSON.parse(readFileSync(join(root, 'libs', name, 'package.json'), 'utf8'));
  return {
    path: join(root, 'libs', name, exports[door === undefined ? '.' : `./${door}`]),
    sideEffects: false,
  };
}

function types() {
  const config = join(root, 'dist', 'client.tsconfig.json');
  const files = Object.values(ENTRIES).map((file) => `../libs/client/src/${file}`);
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, stripInternal: true },
    ...{ rewriteRelativeImportExtensions: true, rootDir: '../libs', outDir: 'client/esm/types' },
    lib: ['ES2023', 'ES2024.String', 'DOM', 'DOM.Iterable'],
  };
  // The protocol comes by its name, as a package would, and is declared too.
  const declared = [
    '../libs/client/src/node/fs-native-extensions.d.ts',
    '../libs/runtime/src/pino-roll.d.ts',
    '../libs/protocol/src/index.ts',
  ];
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions,
      files: [...files, ...declared],
      include: [],
    }),
  );
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: 'inherit' });
  rmSync(config);
  const base = join(out, 'esm', 'types');
  onlyNeeded(base);
  const disposable = join(base, 'client/src/client-base.d.ts');
  writeFileSync(disposable, `/// <reference lib="esnext.disposable" />\n${readFileSync(disposable, 'utf8')}`);
  cpSync(base, join(out, 'cjs', 'types'), { recursive: true });
}

/** Keeps the declarations that an entry reaches. A name of the protocol is imported from the file that declares it. */
function onlyNeeded(base) {
  const index = readFileSync(join(root, 'libs/protocol/src/index.ts'), 'utf8');
  const declares = [...index.matchAll(/export \* from '\.\/(.+)\.ts'/g)].map(([, file]) => ({
    file,
    text: existsSync(join(base, 'protocol/src', `${file}.d.ts`))
      ? readFileSync(join(base, 'protocol/src', `${file}.d.ts`), 'utf8')
      : '',
  }));
  const homeOf = (name) => {
    const pattern = new RegExp(`export (declare )?(const|type|interface|class|function) ${name}\\b`);
    const home = declares.find(({ text }) => pattern.test(text));
    if (home === undefined) throw new Error(`no declaration of ${name}`);
    return home.file;
  };
  const reached = new Set();
  const reach = (file) => {
    if (reached.has(file)) return;
    reached.add(file);
    const up = '../'.repeat(file.split('/').length - 1);
    const emitted = readFileSync(join(base, file), 'utf8').replaceAll(/(['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js');
    const text = emitted.replace(
      /(import|export) (type )?\{([^}]*)\} from '@cim\/protocol';/g,
      (_, word, type = '', names) =>
        names
          .split(',')
          .map((one) => one.trim())
          .filter((one) => one !== '')
          .map((one) => {
            const name = one.replace(/^type /, '');
            const home = (of) => `'${up}protocol/src/${of}.js'`;
            // The frames come under one name.
            if (name === 'wire') return `${word} type * as wire from ${home('client-frames')};`;
            return `${word} ${type}{ ${one} } from ${home(homeOf(name))};`;
          })
          .join('\n'),
    );
    writeFileSync(join(base, file), text);
    for (const [, to] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g))
      reach(join(dirname(file), `${to}.d.ts`));
  };
  for (const file of Object.values(ENTRIES)) reach(`client/src/${file.replace(/\.ts$/, '.d.ts')}`);
  for (const file of readdirSync(base, { recursive: true }))
    if (file.endsWith('.d.ts') && !reached.has(file)) rmSync(join(base, file));
}

function manifest() {
  const door = (folder, name) => ({
    types: `./${folder}/types/client/src/${ENTRIES[name].replace(/\.ts$/, '.d.ts')}`,
    default: `./${folder}/${name}.js`,
  });
  const exports = Object.fromEntries(
    Object.keys(ENTRIES).map((name) => [
      name === 'index' ? '.' : `./${name}`,
      { import: door('esm', name), require: door('cjs', name) },
    ]),
  );
  const { engines, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const about = {
    ...{
      name: own.name,
      version: own.version,
      description: 'A user of a CIM cluster, for programs and pages',
    },
    ...{ license, type: 'module', sideEffects: false, engines, files: ['esm', 'cjs'] },
    // Provenance: npm shows from which commit and by which workflow the package was made.
    publishConfig: { access: 'public', provenance: true },
    ...{ main: './cjs/index.js', types: './cjs/types/client/src/index.d.ts', exports, dependencies },
  };
  const write = (file, value) => writeFileSync(join(out, file), `${JSON.stringify(value, null, 2)}\n`);
  write('package.json', about);
  write('cjs/package.json', { type: 'commonjs' });
  copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));
  copyFileSync(join(root, 'docs/sdk.md'), join(out, 'README.md'));
}

/** Answers the folder of the package. */
export async function buildClient() {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await code();
  types();
  manifest();
  return out;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildClient();
