import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseUserName, type UserName } from '@cim/protocol';
import { RunningRoute } from '../test/running-route.ts';
import { newNameProblem } from './new-name.ts';

describe('a new name', () => {
  const cases: readonly (readonly [why: RegExp, names: readonly string[]])[] = [
    [
      /nobody can see \(U\+[0-9A-F]{4,6}\)$/,
      [
        'alice\ufe0f',
        'alice\u034f',
        'ali\u{e0100}ce',
        'al\u180bice',
        '\u3164',
        '\u115f\u1160',
        '\u17b4\u17b5',
        'bob\u17b5',
      ],
    ],
    [/begins with a mark .*\(U\+0301\)$/, ['\u0301', '\u0301alice']],
    [/has no letter/, ['_', '...', '-_-']],
    [/is a number/, ['1', '1001', '٣٤', '１００１']],
    [/is reserved/, ['admin', 'Admin', 'ADMIN', 'аdmin', 'adrnin', 'everyone', 'cim', 'system', 'r00t']],
  ];
  for (const [why, names] of cases)
    test(`is refused: ${why.source}`, () => {
      for (const name of names) {
        const parsed = parseUserName(name);
        assert.ok(parsed.ok, name);
        assert.match(newNameProblem(parsed.name) ?? '', why, name);
      }
    });

  test('is accepted otherwise: every script, marks after letters, digits among letters', () => {
    for (const name of [
      'alice',
      'crossoverJie',
      'user-1',
      '1a',
      'a1',
      '12-3',
      '李雷',
      'नमस्ते',
      'ñandú',
      'Zoe\u0308',
      'lobby',
      'login-status',
      '__proto__',
      'constructor',
      'toString',
      'test',
      'cim-user',
      'allen',
    ])
      assert.equal(newNameProblem(name as UserName), undefined, name);
  });
});

describe('a registration', { concurrency: false }, () => {
  test('of a name that looks like another one is refused, and the existing name keeps its case and account', async (t) => {
    const at = await RunningRoute.start();
    t.after(() => at.stop());
    const userId = await at.register('Alice');
    for (const same of ['alice', 'ALICE', 'aLiCe']) assert.equal(await at.register(same), userId);
    for (const like of ['аlice', 'aIice', 'a1ice']) {
      const { status, code, message, dataBody } = await at.post('/registerAccount', { userName: like });
      assert.deepEqual([status, code, dataBody], [200, '3000', null], like);
      assert.match(message, /^userName ".*" looks like "Alice", which is taken; choose another name$/);
    }
    assert.notEqual(await at.register('alicia'), userId);
  });

  test('of a name that was allowed before still answers its account, which can log in', async (t) => {
    const at = await RunningRoute.start();
    t.after(() => at.stop());
    for (const name of ['alice', '\u0301', '1001', 'admin', 'bob\ufe0f', '\u3164']) {
      const parsed = parseUserName(name);
      assert.ok(parsed.ok);
      const { account } = await at.store.accounts.register(parsed.name);
      assert.equal(await at.register(name), account.userId);
      const login = await at.post('/login', { userId: account.userId, userName: name });
      assert.equal(login.code, '9000', `${name}: ${login.message}`);
    }
  });

  test('of simultaneous look-alikes makes one account', async (t) => {
    const at = await RunningRoute.start();
    t.after(() => at.stop());
    const names = ['scope', 'ѕсоре', 'ѕcope', 'sсope', 'scоpe', 'scopе'];
    const answers = await Promise.all(names.map((userName) => at.post('/registerAccount', { userName })));
    assert.deepEqual(answers.map(({ code }) => code).sort(), [
      '3000',
      '3000',
      '3000',
      '3000',
      '3000',
      '9000',
    ]);
  });
});
