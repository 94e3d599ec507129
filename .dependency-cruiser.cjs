// The arrows of docs/architecture.md: downwards only, one door per lib.
const may = {
  'libs/protocol': [],
  'libs/runtime': [],
  'libs/terminal-text': [],
  'libs/outcall': ['runtime'],
  'libs/channel': ['protocol', 'runtime'],
  'libs/rpc': ['channel', 'protocol', 'runtime'],
  'libs/discovery': ['protocol', 'runtime'],
  'libs/store': ['protocol', 'runtime'],
  'libs/delivery': ['outcall', 'store', 'discovery', 'rpc', 'protocol', 'runtime'],
  'libs/client': ['protocol', 'runtime'],
  'libs/testkit': ['protocol', 'runtime', 'channel', 'rpc', 'discovery', 'store', 'delivery', 'client'],
  'apps/route': ['channel', 'outcall', 'rpc', 'delivery', 'discovery', 'store', 'protocol', 'runtime'],
  'apps/im-server': ['channel', 'rpc', 'delivery', 'discovery', 'store', 'protocol', 'runtime'],
  'apps/relay': ['outcall', 'store', 'protocol', 'runtime'],
  'apps/cli-client': ['client', 'protocol', 'runtime', 'terminal-text'],
  'apps/admin-cli': ['store', 'runtime', 'terminal-text'],
  'apps/import': ['store', 'protocol', 'runtime', 'terminal-text'],
  'apps/cim': [],
  'apps/web': ['client'],
  'apps/admin-page': [],
  'apps/standalone': ['channel', 'rpc', 'delivery', 'discovery', 'store', 'protocol', 'runtime'],
  bench: ['delivery', 'store', 'channel', 'protocol', 'runtime', 'testkit'],
};
/** Standalone is both servers in one process; `cim` loads the part that its first word names. */
const mayApps = {
  'apps/standalone': ['^apps/(route|im-server|relay)/src/index\\.ts$'],
  'apps/cim': ['^apps/(admin-cli|cli-client|import)/src/index\\.ts$'],
};
/** Doors beside the first: the client for each host, what of the runtime is for any host, and clients without our code. */
const RAW = '^libs/testkit/src/raw\\.ts$';
const DOORS = ['^libs/client/src/(node|browser)/index\\.ts$', '^libs/runtime/src/backoff\\.ts$', RAW];
/** Runs on any host: nothing of Node, and of the runtime the one file that needs nothing. */
const ANYWHERE = '^libs/(protocol|client)/src/(?!node/)';
const TESTS = '\\.(test|contract|model)\\.ts$|^test/|/test/';

module.exports = {
  forbidden: [
    ...Object.entries(may).map(([folder, libs]) => ({
      name: `${folder} imports only what is below it`,
      severity: 'error',
      from: { path: `^${folder}/`, pathNot: TESTS },
      to: {
        path: '^(libs|apps)/',
        pathNot: [`^${folder}/`, ...libs.map((lib) => `^libs/${lib}/`), ...(mayApps[folder] ?? [])],
      },
    })),
    {
      name: 'a lib has one door, an app too',
      severity: 'error',
      from: { path: '^((?:libs|apps)/[^/]+|test|bench|scripts)/' },
      to: { path: '^(libs|apps)/[^/]+/', pathNot: ['^(libs|apps)/[^/]+/src/index\\.ts$', ...DOORS, '^$1/'] },
    },
    {
      name: 'only tests import the testkit',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [TESTS, '^libs/testkit/'] },
      to: { path: '^libs/testkit/' },
    },
    {
      name: 'the driver of Redis is loaded in one place, which makes good what loading it does',
      severity: 'error',
      from: { pathNot: '^(libs/store/src/redis/ioredis\\.ts|bench/floor/server\\.mjs)$' },
      to: { path: '^node_modules/ioredis/' },
    },
    {
      name: 'the protocol and the core of the client run anywhere',
      severity: 'error',
      from: { path: [ANYWHERE, '^libs/runtime/src/backoff\\.ts$'], pathNot: TESTS },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'what runs anywhere imports nothing that does not',
      severity: 'error',
      from: { path: ANYWHERE, pathNot: TESTS },
      to: { path: '^(libs|apps)/', pathNot: [ANYWHERE, '^libs/runtime/src/backoff\\.ts$'] },
    },
    {
      name: 'the conformance runner has no code of the product, and no package',
      severity: 'error',
      from: { path: ['^test/conformance/', '^libs/testkit/src/(raw|cim-client)'], pathNot: '\\.test\\.ts$' },
      to: {
        path: '^(libs|apps|test|bench|node_modules)/',
        pathNot: ['^test/conformance/', RAW, '^libs/testkit/src/(raw|cim-client)'],
      },
    },
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'everything resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
