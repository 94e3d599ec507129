import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readConfig } from './config.ts';
import { pick, settingNames, settings } from './settings.ts';

describe('a secret setting', () => {
  let dir: string;
  let file: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'cim-secret-'));
    file = join(dir, 'secret');
    writeFileSync(file, 'from a file\nsecond line\n');
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const read = (argv: string[], env: Record<string, string>) =>
    readConfig('route', pick(settings, 'clusterSecret', 'redisUrl'), argv, env, settingNames);
  const secretOf = (argv: string[], env: Record<string, string>): unknown => {
    const answer = read(argv, env);
    assert.equal(answer.kind, 'values');
    return answer.values.clusterSecret;
  };

  test('comes from a file, named by a flag or in the environment; a flag wins over the environment', () => {
    assert.equal(secretOf(['--cluster-secret-file', file], {}), 'from a file');
    assert.equal(secretOf([], { CIM_CLUSTER_SECRET_FILE: file }), 'from a file');
    assert.equal(secretOf(['--cluster-secret-file', file], { CIM_CLUSTER_SECRET: 'env' }), 'from a file');
    assert.equal(secretOf(['--cluster-secret', 'flag'], { CIM_CLUSTER_SECRET_FILE: file }), 'flag');
    assert.equal(secretOf(['--cluster-secret', 'flag'], { CIM_CLUSTER_SECRET: 'env' }), 'flag');
    assert.equal(secretOf([], { CIM_CLUSTER_SECRET: 'env', CIM_PASSWORD_FILE: '/of/the/chat' }), 'env');
  });

  test('that is a PEM is all of its file', () => {
    const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
    writeFileSync(join(dir, 'pem'), pem);
    assert.equal(secretOf([], { CIM_CLUSTER_SECRET_FILE: join(dir, 'pem') }), pem);
  });

  test('that is given twice, or in a file that cannot be used, is refused in one line, which does not show it', () => {
    writeFileSync(join(dir, 'empty'), '\nsecret in the second line');
    const cases: [string[], Record<string, string>, RegExp][] = [
      [
        ['--cluster-secret', 'x', '--cluster-secret-file', file],
        {},
        /^give CIM_CLUSTER_SECRET or CIM_CLUSTER_SECRET_FILE, not both$/,
      ],
      [[], { CIM_CLUSTER_SECRET: 'x', CIM_CLUSTER_SECRET_FILE: file }, /not both$/],
      [
        [],
        { CIM_CLUSTER_SECRET_FILE: join(dir, 'no') },
        /^CIM_CLUSTER_SECRET_FILE names .*no, which cannot be read \(ENOENT\)$/,
      ],
      [[], { CIM_CLUSTER_SECRET_FILE: dir }, /which cannot be read \(EISDIR\)$/],
      [[], { CIM_CLUSTER_SECRET_FILE: join(dir, 'empty') }, /which is empty; its first line is the secret$/],
    ];
    for (const [argv, env, problem] of cases) {
      const answer = read(argv, env);
      assert.equal(answer.kind, 'problems');
      assert.equal(answer.problems.length, 1);
      assert.match(answer.problems[0] ?? '', problem);
    }
  });

  test('as a flag is warned about in one line, which does not show it; a URL only when it holds a login', () => {
    const warnings = (...argv: string[]): readonly string[] => {
      const answer = read(argv, {});
      assert.equal(answer.kind, 'values');
      return answer.warnings;
    };
    for (const argv of [
      ['--cluster-secret', 'hunter2secret'],
      ['--redis-url', 'redis://:hunter2secret@127.0.0.1:6379'],
    ]) {
      const [line, ...more] = warnings(...argv);
      assert.match(line ?? '', /^--[a-z-]+ shows the secret [^\n]*; use CIM_[A-Z_]+ or --[a-z-]+-file$/);
      assert.doesNotMatch(line ?? '', /hunter2secret/);
      assert.deepEqual(more, []);
    }
    assert.deepEqual(warnings('--redis-url', 'redis://127.0.0.1:6379/1'), []);
    assert.deepEqual(warnings('--cluster-secret-file', file), []);
    assert.deepEqual(warnings(), []);
  });

  test('says in --help how a file is named', () => {
    const answer = read(['--help'], {});
    assert.equal(answer.kind, 'help');
    assert.match(answer.text, /--cluster-secret +CIM_CLUSTER_SECRET .*--cluster-secret-file/);
  });
});
