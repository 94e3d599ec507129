import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseLine } from './parse-line.ts';
import { COMMAND_NAMES, commandHelp, helpOf } from './table.ts';

describe('a typed line', () => {
  const cases: [string, ReturnType<typeof parseLine>][] = [
    ['', { kind: 'nothing' }],
    ['   ', { kind: 'nothing' }],
    ['hello', { kind: 'here', text: 'hello' }],
    ['  hello  there ', { kind: 'here', text: 'hello  there' }],
    ['12;;hi', { kind: 'private', to: '12', text: 'hi' }],
    ['bob;;hi', { kind: 'private', to: 'bob', text: 'hi' }],
    ['bob ;; a ;; b', { kind: 'private', to: 'bob', text: 'a ;; b' }],
    ['Ｂｏｂ;;hi', { kind: 'private', to: 'Bob', text: 'hi' }],
    [':all', { kind: 'all' }],
    [':olu', { kind: 'online' }],
    [':q', { kind: 'quit' }],
    [':q!', { kind: 'quit' }],
    [':q old words', { kind: 'search', word: 'old words' }],
    [':pu al', { kind: 'prefix', prefix: 'al' }],
    [':info', { kind: 'info' }],
    [':history', { kind: 'history', count: 20 }],
    [':history 5', { kind: 'history', count: 5 }],
    [':history bob', { kind: 'history', count: 20, of: { user: 'bob' } }],
    [':history bob 5', { kind: 'history', count: 5, of: { user: 'bob' } }],
    [':history #our team 50', { kind: 'history', count: 50, of: { group: 'our team' } }],
    [':history ＃17', { kind: 'history', count: 20, of: { group: '17' } }],
    [':groups', { kind: 'groups' }],
    [':group new our team', { kind: 'new-group', name: 'our team', join: 'invite' }],
    [':group NEW team', { kind: 'new-group', name: 'team', join: 'invite' }],
    [':group open #everybody', { kind: 'new-group', name: 'everybody', join: 'open' }],
    [':group remove bob #our team', { kind: 'remove', name: 'bob', group: 'our team' }],
    [':group transfer bob', { kind: 'transfer', name: 'bob' }],
    [':group disband #our team', { kind: 'disband', group: 'our team' }],
    [':to bob', { kind: 'to', of: { user: 'bob' } }],
    [':to #our team', { kind: 'to', of: { group: 'our team' } }],
    [':to', { kind: 'to' }],
    [':join 17', { kind: 'join', group: '17' }],
    [':join #17', { kind: 'join', group: '17' }],
    [':leave', { kind: 'leave' }],
    [':leave #our team', { kind: 'leave', group: 'our team' }],
    [':invite bob', { kind: 'invite', name: 'bob' }],
    [':invite bob #our team', { kind: 'invite', name: 'bob', group: 'our team' }],
    [':members', { kind: 'members' }],
    [':members our team', { kind: 'members', group: 'our team' }],
    [':devices', { kind: 'devices' }],
    [':devices end abc', { kind: 'end-device', device: 'abc' }],
    [':block mallory', { kind: 'block', name: 'mallory' }],
    [':unblock mallory', { kind: 'unblock', name: 'mallory' }],
    [':blocks', { kind: 'blocks' }],
    [':help', { kind: 'all' }],
    [':help join', { kind: 'help', name: 'join' }],
    [':search two words', { kind: 'find', word: 'two words' }],
    [':me waves :wave:', { kind: 'me', text: 'waves 👋' }],
    [':edit what I meant', { kind: 'edit', text: 'what I meant' }],
    [':react :thumbsup:', { kind: 'react', reaction: '👍' }],
    [':ignore', { kind: 'ignores' }],
    [':ignore mallory', { kind: 'ignore', name: 'mallory' }],
    [':unignore mallory', { kind: 'unignore', name: 'mallory' }],
    [':password', { kind: 'password' }],
    [':set', { kind: 'set' }],
    [':set bell', { kind: 'set', name: 'bell' }],
    [':set ignore a, b', { kind: 'set', name: 'ignore', value: 'a, b' }],
    [':set bell = off', { kind: 'set', name: 'bell', value: 'off' }],
    [':recall', { kind: 'recall' }],
    ['#our team;;hi ;; there', { kind: 'members-only', group: 'our team', text: 'hi ;; there' }],
    ['＃17；；hi', { kind: 'members-only', group: '17', text: 'hi' }],
    ['#hashtag is a text', { kind: 'here', text: '#hashtag is a text' }],
    [':marks', { kind: 'marks' }],
    [':marks less', { kind: 'marks', mode: 'less' }],
    [':emoji', { kind: 'emoji', page: 1 }],
    [':emoji 2', { kind: 'emoji', page: 2 }],
    [
      ':delay good night 60',
      { kind: 'delay', line: 'good night', say: { kind: 'here', text: 'good night' }, seconds: 60 },
    ],
    [
      ':delay bob;;hi 5',
      { kind: 'delay', line: 'bob;;hi', say: { kind: 'private', to: 'bob', text: 'hi' }, seconds: 5 },
    ],
    [
      ':delay #team;;hi 2592000',
      {
        ...{ kind: 'delay', line: '#team;;hi', seconds: 2_592_000 },
        say: { kind: 'members-only', group: 'team', text: 'hi' },
      },
    ],
    [':delays', { kind: 'delays' }],
    [':cancel 12', { kind: 'cancel', number: 12 }],
    [':ai', { kind: 'answerer-on' }],
    [':qai', { kind: 'answerer-off' }],
    [':say a;;b', { kind: 'group', text: 'a;;b' }],
    ['::smile', { kind: 'here', text: ':smile' }],
    ['::all', { kind: 'here', text: ':all' }],
    ['good :tada:', { kind: 'here', text: 'good 🎉' }],
    [':wave: all', { kind: 'here', text: '👋 all' }],
    ['no :such_thing: here', { kind: 'here', text: 'no :such_thing: here' }],
    [
      ':constructor: x ',
      {
        kind: 'problem',
        unsent: true,
        text: 'there is no command ":constructor:"; ":all" lists them, and "::constructor:" says it',
      },
    ],
  ];
  for (const [line, command] of cases)
    it(`${JSON.stringify(line)} means ${command.kind}`, () => assert.deepEqual(parseLine(line), command));

  it('never goes to everybody when it was meant for one', () => {
    const lines = [
      'bo b;;secret',
      ';;secret',
      'bob;;',
      '#;;secret',
      '#team;;',
      'x'.repeat(40) + ';;secret',
      '\u001b[31m;;x',
    ];
    lines.push('bob; secret', 'bob;secret', ' bob ; secret', '1001; secret', '鲍勃；秘密', 'Ｂｏｂ; secret');
    lines.push('@bob; secret', 'bob; secret;;more', 'bob\u061b secret', 'bob\u037e secret', 'bob; (secret)');
    lines.push('bob, Carol; secret', 'bob，Carol；secret');
    for (const line of lines) {
      const command = parseLine(line, (name) => ['bob', 'Carol'].includes(name));
      assert.ok(command.kind === 'problem' && command.unsent === true, line);
    }
    assert.deepEqual(parseLine('bob; secret'), {
      kind: 'problem',
      unsent: true,
      text: 'not sent: one ";" sends to nobody alone; for a private message type "bob;;secret"; ":say bob; secret" says it to everybody',
    });
  });

  it('goes to one with the semicolons of other keyboards', () => {
    for (const line of ['bob；；hi', 'bob；;hi', 'bob\u037e\u037ehi'])
      assert.deepEqual(parseLine(line), { kind: 'private', to: 'bob', text: 'hi' }, line);
  });

  it('is a text with a semicolon in it when no name stands before that', () => {
    for (const line of [
      'I agree; go on',
      'x = 1; y = 2',
      '(a); b',
      'fine ;)',
      'well ;-) then',
      'done;',
      '; x',
    ])
      assert.deepEqual(parseLine(line), { kind: 'here', text: line }, line);
  });

  it('that begins with "/" is never said: it was meant as a command', () => {
    for (const line of [
      '/',
      '/quit',
      ' /msg bob secret',
      '／all',
      '\u200b/x',
      '/etc/hosts is wrong',
      '//x',
    ]) {
      const command = parseLine(line);
      assert.ok(command.kind === 'problem' && command.unsent === true, line);
      assert.match(command.text, /no command: they begin with ":", and ":all" lists them; ":say/);
    }
    assert.deepEqual(parseLine(':say /quit'), { kind: 'group', text: '/quit' });
  });

  it('is a command with blanks, invisible characters or another colon before it', () => {
    for (const line of [' :q', '\u3000:q', '\u200b:q', '\ufeff:q', '：q', '\ufe55q', '\t:q  '])
      assert.equal(parseLine(line).kind, 'quit', line);
    for (const line of ['\u200b', ' \u2060\t', '\u3000'])
      assert.equal(parseLine(line).kind, 'nothing', JSON.stringify(line));
    assert.deepEqual(parseLine('：：x'), { kind: 'here', text: ':x' });
  });

  it('that names no command is never said', () => {
    for (const line of [':qq', ':Q', ':q!x', ':)', ':quit', '：halp', `:${'x'.repeat(9_000)}`]) {
      const command = parseLine(line);
      assert.ok(command.kind === 'problem' && command.unsent === true, line);
      assert.ok(command.text.length < 200);
    }
  });

  it('gets a hint when a command is unknown or lacks something', () => {
    for (const line of [
      ':nope',
      ':)',
      ':pu',
      ':say',
      ':emoji 0',
      ':emoji x',
      ':marks loud',
      ':history 0',
      ':history bob 0',
      ':history b b',
      ':group',
      ':group new',
      ':group remove #team',
      ':group disband',
      ':group old team',
      ':join',
      ':join team',
      ':to b b',
      ':invite',
      ':invite #team',
      ':devices all',
      ':block',
      ':unblock',
      ':ignore b b',
      ':unignore',
      ':search',
      ':password secret',
      ':me',
      ':edit',
      ':react',
      ':emoji 99',
      ':delay',
      ':delay 5',
    ])
      assert.equal(parseLine(line).kind, 'problem', line);
    for (const line of [
      ':delay hi 0',
      ':delay hi 2592001',
      ':cancel',
      ':cancel 0',
      ':cancel x',
      ':delay hi soon',
      ':delay :q 5',
      ':delay b b;;x 5',
    ])
      assert.equal(parseLine(line).kind, 'problem', line);
    assert.match(JSON.stringify(parseLine(':nope')), /there is no command .*:all/);
  });
});

describe(':help', () => {
  it('tells what a command does, with or without its colon, or which one was meant', () => {
    assert.deepEqual(helpOf('join'), helpOf(':join'));
    assert.match(helpOf('join').join(), /:join ID +join an open group/);
    assert.match(helpOf(':hisotry').join(), /no command ":hisotry" \(is it ":history"\?\)/);
    assert.match(JSON.stringify(parseLine(':ignroe bob')), /is it \\":ignore\\"/);
    assert.doesNotMatch(helpOf(':something').join(), /is it/);
  });
});

describe(':all', () => {
  it('names every command of the contract, as Tab and docs/terminal.md do', () => {
    const help = commandHelp().join('\n');
    const page = readFileSync(new URL('../../../../docs/terminal.md', import.meta.url), 'utf8');
    const contract = [':all', ':olu', ':q', ':q!', ':pu', ':info', ':emoji', ':delay', ':ai', ':qai'];
    for (const name of contract) assert.ok(COMMAND_NAMES.includes(name), name);
    for (const name of COMMAND_NAMES) {
      assert.ok(help.includes(`\n  ${name} `), name);
      assert.ok(page.includes(`\`${name}`), `${name} in docs/terminal.md`);
      assert.notDeepEqual(parseLine(name), { kind: 'nothing' });
      assert.doesNotMatch(JSON.stringify(parseLine(name)), /there is no command/);
    }
    // A picture ends with a colon.
    for (const [, name = ''] of page.matchAll(/`(:[a-z]+!?)(?!:|[a-z])/g))
      assert.ok(COMMAND_NAMES.includes(name), `docs/terminal.md names ${name}`);
  });
});
