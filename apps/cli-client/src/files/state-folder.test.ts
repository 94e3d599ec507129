import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runScript } from '../scripts/run-script.ts';
import { makeStateFolder } from './state-folder.ts';

let dir: string;
before(() => (dir = mkdtempSync(join(tmpdir(), 'cim-state-folder-'))));
after(() => rmSync(dir, { recursive: true, force: true }));

describe('the folder of the state', () => {
  it('is made, with all above it, and nobody else may read what is ours in it', () => {
    const folder = join(dir, 'a', 'b');
    makeStateFolder(folder, () => true);
    writeFileSync(join(folder, 'ours'), '');
    chmodSync(join(folder, 'ours'), 0o644);
    makeStateFolder(folder, (file) => file === 'ours');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'ours')).mode & 0o777, 0o600);
  });

  it('that is a file, or lies in one, is told in one line that says what to do', () => {
    const file = join(dir, 'file');
    writeFileSync(file, 'not ours');
    for (const [folder, why] of [
      [file, 'it is a file'],
      [join(file, 'b'), 'a folder above it is a file'],
    ] as const)
      assert.throws(() => makeStateFolder(folder, () => true), {
        message: `the folder ${folder} for cursors and history cannot be used: ${why}; name another one with --state-dir`,
      });
    assert.equal(statSync(file).size, 8, 'the file is left alone');
  });

  it('that is a file ends `cim tail` before it shows a line: it could not go on behind it the next time', async () => {
    const file = join(dir, 'tail-file');
    writeFileSync(file, '');
    let said = '';
    const words = ['--name', 'alice', '--route', 'http://127.0.0.1:1', '--state-dir', file];
    const code = await runScript('tail', words, {
      out: (text) => assert.fail(text),
      err: (line) => (said += line),
      input: () => undefined,
    });
    assert.deepEqual([code, said.startsWith(`cim tail: the folder ${file} for cursors`)], [1, true], said);
  });
});
