import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COMMAND_NAMES, commandHelp, parseLine } from './commands.ts';

describe('a typed line', () => {
  const cases: [string, ReturnType<typeof parseLine>][] = [
    ['', { kind: 'nothing' }],
    ['   ', { kind: 'nothing' }],
    ['hello', { kind: 'group', text: 'hello' }],
    ['  hello  there ', { kind: 'group', text: 'hello  there' }],
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
    [':marks', { kind: 'marks' }],
    [':marks less', { kind: 'marks', mode: 'less' }],
    [':emoji', { kind: 'emoji', page: 1 }],
    [':emoji 2', { kind: 'emoji', page: 2 }],
    [':delay good night 60', { kind: 'delay', line: 'good night', seconds: 60 }],
    [':delay bob;;hi 5', { kind: 'delay', line: 'bob;;hi', seconds: 5 }],
    [':ai', { kind: 'answerer-on' }],
    [':qai', { kind: 'answerer-off' }],
    [':say a;;b', { kind: 'group', text: 'a;;b' }],
    ['::smile', { kind: 'group', text: ':smile' }],
    ['::all', { kind: 'group', text: ':all' }],
    ['good :tada:', { kind: 'group', text: 'good 🎉' }],
    [':wave: all', { kind: 'group', text: '👋 all' }],
    ['no :such_thing: here', { kind: 'group', text: 'no :such_thing: here' }],
    [
      ':constructor: x ',
      {
        kind: 'problem',
        text: 'there is no command ":constructor:"; ":all" lists them, and "::constructor:" says it',
      },
    ],
  ];
  for (const [line, command] of cases)
    it(`${JSON.stringify(line)} means ${command.kind}`, () => assert.deepEqual(parseLine(line), command));

  it('never goes to everybody when it was meant for one', () => {
    for (const line of ['bo b;;secret', ';;secret', 'bob;;', 'x'.repeat(40) + ';;secret', '\u001b[31m;;x']) {
      const command = parseLine(line);
      assert.ok(command.kind === 'problem' && command.unsent === true, line);
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
      ':emoji 99',
      ':delay',
      ':delay 5',
    ])
      assert.equal(parseLine(line).kind, 'problem', line);
    for (const line of [
      ':delay hi 0',
      ':delay hi 100000',
      ':delay hi soon',
      ':delay :q 5',
      ':delay b b;;x 5',
    ])
      assert.equal(parseLine(line).kind, 'problem', line);
    assert.match(JSON.stringify(parseLine(':nope')), /there is no command .*:all/);
  });
});

describe(':all', () => {
  it('names every command of the contract', () => {
    const help = commandHelp().join('\n');
    for (const name of [
      ':all',
      ':olu',
      ':q',
      ':q!',
      ':pu',
      ':info',
      ':marks',
      ':emoji',
      ':delay',
      ':ai',
      ':qai',
      ';;',
    ])
      assert.ok(help.includes(name), name);
    assert.ok(COMMAND_NAMES.includes(':olu'));
  });
});
