// The public API of the SDK, read from the declarations in dist/client, which `npm run build:client` makes. Writes
// libs/client/api.txt, which shows in a review what a change breaks. `--check` compares it, and looks for a doc comment on each
// public member.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const report = join('libs', 'client', 'api.txt');
const files = ['index', 'node/index', 'browser/index'].map((entry) =>
  join('dist', 'client', 'esm', 'types', 'client', 'src', `${entry}.d.ts`),
);
const program = ts.createProgram(files, {
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
});
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });
const said = new Set();
const undocumented = [];
let text = '';

const isDocumented = (symbol) => symbol.getDocumentationComment(checker).length > 0;

function say(symbol) {
  if (!isDocumented(symbol)) undocumented.push(symbol.name);
  for (const declaration of symbol.declarations) {
    const whole = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    text += `${printer.printNode(ts.EmitHint.Unspecified, whole, whole.getSourceFile())}\n`;
    for (const { name } of declaration.members ?? []) {
      const member = name && !ts.isPrivateIdentifier(name) && checker.getSymbolAtLocation(name);
      if (member && !isDocumented(member)) undocumented.push(`${symbol.name}.${member.name}`);
    }
  }
}

for (const file of files) {
  text += `// ${file.replace(/^.*client\/src\//, '')}\n`;
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  for (const exported of checker.getExportsOfModule(module).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    // The entries for Node and for browsers have all of the core: it is said once.
    if (!said.has(symbol)) say(symbol);
    said.add(symbol);
  }
  // What clients inherit is not exported by itself.
  if (file === files[0]) {
    const base = program.getSourceFiles().find(({ fileName }) => fileName.endsWith('/client-base.d.ts'));
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(base))) say(symbol);
  }
}

if (!process.argv.includes('--check')) writeFileSync(report, text);
else if (readFileSync(report, 'utf8') !== text) {
  console.error(`${report} is not the API: run npm run client:api, and say in CHANGELOG.md what breaks`);
  process.exitCode = 1;
}
if (undocumented.length > 0) {
  console.error(`without a doc comment: ${undocumented.join(', ')}`);
  process.exitCode = 1;
}
