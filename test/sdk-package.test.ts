/** The SDK as others install it: packed, installed in an empty folder, and used from there in every way that is promised. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ServerProcess } from '@cim/testkit';
import { build } from 'esbuild';

const run = promisify(execFile);
const ROOT = process.cwd();
const TOOLS = [
  'typedoc@0.28.20',
  'vite@8.4',
  'publint@0.3.25',
  '@arethetypeswrong/cli@0.18.5',
  '@types/node@20',
  'typescript@6.0.3',
];
/** Each is a package of the registry that holds the program `node`. */
const NODES = [22, 24];
const BROWSER_BYTES = 35 * 1024;

const TALK = `
const client = new CimClient({ routeUrl: process.argv[2], userName: process.argv[3], state: fileState(process.argv[3] + '.json') });
client.connect()
  .then(() => client.send({ group: 'lobby' }, 'hello'))
  .then(({ outcome }) => console.log(outcome))
  .then(() => client.logout());
`;
const TYPED = `
import { CimError, type Message, type Storage } from '@cim/client';
import { CimClient, fileState } from '@cim/client/node';

const state: Storage = fileState('state.json');
const client = new CimClient({ routeUrl: 'http://127.0.0.1:8083', userName: 'ann', state });
client.once('message', ({ from, texts }) => console.log(from.userName, texts.join()));
const listener = ({ id }: Message): string => id;
client.on('message', listener, { signal: AbortSignal.timeout(1_000) });
client.off('message', listener);
// @ts-expect-error there is no such event
client.on('nothing', () => undefined);
export async function main(): Promise<void> {
  await using using_ = client;
  for await (const message of using_.messages()) {
    const outcome = await client.send({ user: message.from.userId }, message.texts);
    if (outcome.outcome === 'refused') throw new CimError('failure', outcome.text);
    console.log((await client.users.find('bob'))?.online);
  }
}
`;
const PAGE = `
import { CimClient } from '@cim/client/browser';
const client = new CimClient({ routeUrl: location.origin, userName: 'ann' });
client.on('message', ({ texts }) => (document.title = texts.join()));
await client.connect();
`;

describe('the package @cim/client', { timeout: 300_000 }, () => {
  let folder: string;
  let server: ServerProcess;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cim-sdk-'));
    await run(process.execPath, ['scripts/build-client.mjs'], { cwd: ROOT });
    const { stdout } = await run('npm', ['pack', join(ROOT, 'dist/client'), '--silent'], { cwd: folder });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const nodes = NODES.map((major) => `node${major}@npm:node-${process.platform}-${process.arch}@${major}`);
    await run(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--silent',
        '--prefer-offline',
        stdout.trim(),
        ...TOOLS,
        ...nodes,
      ],
      { cwd: folder },
    );
    server = await ServerProcess.start('standalone', { CIM_DATA_DIR: join(folder, 'data') });
  });

  after(async () => {
    await server.end();
    await rm(folder, { recursive: true, force: true });
  });

  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const bin = (name: string) => join(folder, 'node_modules/.bin', name);
  const node = (program: string, user: string, exe = process.execPath) =>
    run(exe, [program, server.routeUrl, user], { cwd: folder }).then(({ stdout }) => stdout.trim());

  it('is what npm would publish for everybody, with provenance, and has no tests and no sources of servers', async () => {
    const { stdout, stderr } = await run('npm', ['publish', '--dry-run'], { cwd: join(ROOT, 'dist/client') });
    assert.match(stdout, /^\+ @cim\/client@\d+\.\d+\.\d+$/m);
    assert.match(stderr, /public access \(dry-run\)/);
    assert.doesNotMatch(stderr, /\.test\.|im-server/);
    const { publishConfig } = JSON.parse(await readFile(join(ROOT, 'dist/client/package.json'), 'utf8')) as {
      publishConfig?: unknown;
    };
    assert.deepEqual(publishConfig, { access: 'public', provenance: true });
  });

  it('talks from plain JavaScript, by import and by require', async () => {
    await write('talk.js', `import { CimClient, fileState } from '@cim/client/node';\n${TALK}`);
    await write('talk.cjs', `const { CimClient, fileState } = require('@cim/client/node');\n${TALK}`);
    await write(
      'same.cjs',
      `const core = require('@cim/client'); const node = require('@cim/client/node');
       console.log(core.CimError === node.CimError, node.CimClient.prototype instanceof core.ClientCore);`,
    );
    assert.equal(await node('talk.js', 'imported'), 'stored');
    assert.equal(await node('talk.cjs', 'required'), 'stored');
    assert.equal(await node('same.cjs', ''), 'true true');
  });

  for (const major of NODES)
    it(`talks on Node ${major}, by import and by require`, async () => {
      const exe = join(folder, `node_modules/node${major}/bin/node`);
      assert.match((await run(exe, ['--version'])).stdout, new RegExp(`^v${major}\\.`));
      assert.equal(await node('talk.js', `imported-${major}`, exe), 'stored');
      assert.equal(await node('talk.cjs', `required-${major}`, exe), 'stored');
    });

  it('has types for TypeScript in strict mode, as a module and as CommonJS', async () => {
    await write('typed.mts', TYPED);
    await write('typed.cts', TYPED);
    const flags = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      'false',
    ];
    const types = ['--types', 'node', '--lib', 'es2023,esnext.disposable'];
    const { stdout } = await run(
      bin('tsc'),
      [...flags, ...types, '--exactOptionalPropertyTypes', 'typed.mts', 'typed.cts'],
      { cwd: folder },
    ).catch((error: unknown) => error as { stdout: string });
    assert.equal(stdout, '');
  });

  it('is bundled for browsers by esbuild and by Vite, in at most 35 KiB gzipped, without anything of Node', async () => {
    await write('page.js', PAGE);
    await write('index.html', '<!doctype html><script type="module" src="/page.js"></script>');
    const { outputFiles } = await build({
      ...{ absWorkingDir: folder, entryPoints: ['page.js'], bundle: true, minify: true },
      ...{ format: 'esm', platform: 'browser', write: false },
    });
    const [script] = outputFiles;
    assert.ok(script);
    const bytes = gzipSync(script.contents).length;
    assert.ok(bytes <= BROWSER_BYTES, `${bytes} bytes`);
    assert.doesNotMatch(script.text, /\bBuffer\b|\bprocess\.|protobufjs|require\(/);
    await run(bin('vite'), ['build', '--logLevel', 'error'], { cwd: folder });
    assert.match(await readFile(join(folder, 'dist/index.html'), 'utf8'), /assets\/index-/);
  });

  it('documents each public member, in pages that typedoc makes, and has the API that libs/client/api.txt shows', async () => {
    await run(process.execPath, ['scripts/client-api.mjs', '--check'], { cwd: ROOT });
    const base = 'node_modules/@cim/client/esm/types/client/src';
    const entries = ['index', 'node/index', 'browser/index'].map((entry) => join(base, `${entry}.d.ts`));
    const compilerOptions = {
      module: 'nodenext',
      types: ['node'],
      lib: ['es2023', 'dom'],
      skipLibCheck: true,
    };
    await write('tsconfig.json', JSON.stringify({ compilerOptions, files: entries }));
    await run(
      bin('typedoc'),
      ['--out', 'pages', '--logLevel', 'Error', '--excludeExternals', 'false', ...entries],
      { cwd: folder },
    );
    assert.match(await readFile(join(folder, 'pages/modules.html'), 'utf8'), /browser/);
  });

  it('is clean for publint and for attw, has source maps, and needs nothing of ours from the registry', async () => {
    const installed = join(folder, 'node_modules/@cim/client');
    await run(bin('publint'), ['--strict', installed]);
    await run(bin('attw'), ['--pack', join(ROOT, 'dist/client'), '--profile', 'node16'], {
      cwd: folder,
    }).catch((error: unknown) => assert.fail((error as { stdout: string }).stdout));
    const { dependencies, version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      readonly dependencies: object;
      readonly version: string;
    };
    assert.deepEqual([Object.keys(dependencies), version], [['fs-native-extensions', 'ws'], '1.0.0']);
    for (const file of ['esm/node.js', 'cjs/node.js']) {
      const map = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(await readFile(join(installed, file), 'utf8'))?.[1];
      const { sources } = JSON.parse(await readFile(join(installed, dirname(file), map ?? ''), 'utf8')) as {
        readonly sources: readonly string[];
      };
      assert.ok(sources.length > 0, file);
    }
  });
});
