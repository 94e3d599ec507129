// The arrows of docs/architecture.md: downwards only, one door per lib.
const may = {
  'libs/protocol': [],
  'libs/runtime': [],
  'libs/channel': ['protocol', 'runtime'],
  'libs/rpc': ['channel', 'protocol', 'runtime'],
  'libs/discovery': ['protocol', 'runtime'],
  'libs/store': ['protocol', 'runtime'],
  'libs/delivery': ['store', 'discovery', 'rpc', 'protocol', 'runtime'],
  'libs/client': ['channel', 'protocol', 'runtime'],
  'libs/testkit': ['protocol', 'runtime', 'channel', 'rpc', 'discovery', 'store', 'delivery', 'client'],
  'apps/route': ['channel', 'rpc', 'delivery', 'discovery', 'store', 'protocol', 'runtime'],
  'apps/im-server': ['channel', 'rpc', 'delivery', 'discovery', 'store', 'protocol', 'runtime'],
  'apps/cli-client': ['client', 'protocol', 'runtime'],
};
const TESTS = '\\.(test|contract|model)\\.ts$|^test/|/test/';

module.exports = {
  forbidden: [
    ...Object.entries(may).map(([folder, libs]) => ({
      name: `${folder} imports only what is below it`,
      severity: 'error',
      from: { path: `^${folder}/`, pathNot: TESTS },
      to: { path: '^(libs|apps)/', pathNot: [`^${folder}/`, ...libs.map((lib) => `^libs/${lib}/`)] },
    })),
    {
      name: 'a lib has one door',
      severity: 'error',
      from: { path: '^((?:libs|apps)/[^/]+|test|bench)/' },
      to: { path: '^libs/[^/]+/src/', pathNot: ['^libs/[^/]+/src/index\\.ts$', '^$1/'] },
    },
    {
      name: 'only tests import the testkit',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [TESTS, '^libs/testkit/'] },
      to: { path: '^libs/testkit/' },
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
