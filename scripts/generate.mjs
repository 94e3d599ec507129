// Makes libs/protocol/src/generated/cim.{js,d.ts} from cim.proto. `--check` only compares: the generated files are
// kept in the repository so that a fresh checkout builds without the generator.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const target = 'libs/protocol/src/generated';
const scratch = mkdtempSync(join(tmpdir(), 'cim-generate-'));
try {
  const js = join(scratch, 'cim.js');
  const bin = (name) => join('node_modules', '.bin', name);
  const pbjs = (out, ...flags) =>
    execFileSync(bin('pbjs'), [
      ...['-t', 'static-module', '-w', 'esm', '--force-number', '--no-create', '--no-verify', '--no-convert'],
      ...['--no-delimited', '--no-service', '--no-typeurl', ...flags, '-o', out, 'libs/protocol/cim.proto'],
    ]);
  // The declarations are made from the comments, which the code is better without.
  const dts = join(scratch, 'commented.d.ts');
  pbjs(join(scratch, 'commented.js'), '--dts');
  pbjs(js, '--no-comments');
  for (const [file, made] of [
    ['cim.js', js],
    ['cim.d.ts', dts],
  ]) {
    const path = join(target, file);
    const text = readFileSync(made, 'utf8');
    if (!process.argv.includes('--check')) writeFileSync(path, text);
    else if (readFileSync(path, 'utf8') !== text) {
      console.error(`${path} does not match cim.proto; run: npm run generate`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
