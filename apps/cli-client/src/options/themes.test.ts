import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { styleOf } from './style.ts';
import { BUILT_IN } from './theme.ts';
import { type LoadedTheme, Themes } from './themes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-themes-'));
  mkdirSync(join(folder, 'themes'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): void =>
  writeFileSync(join(folder, 'themes', `${name}.json`), text);
function load(name: string): LoadedTheme {
  const answer = new Themes(folder).load(name);
  assert.ok(typeof answer !== 'string', JSON.stringify(answer));
  return answer;
}

describe('a theme', () => {
  it('is built in, or a file of the person, which changes one that is built in', () => {
    write('mine', '{"like": "light", "time": "dim", "names": ["red", "#0a0B0c bold"]}');
    write('dark', '{"time": "bold"}');
    assert.deepEqual(load('dark'), { theme: BUILT_IN.dark, problems: [] });
    assert.deepEqual(load('mine'), {
      theme: { ...BUILT_IN.light, time: '2', names: ['31', '38;2;10;11;12;1'] },
      problems: [],
    });
    assert.deepEqual(new Themes(folder).names, ['dark', 'light', 'mono', 'mine']);
  });

  it('has the rest of its file when something in it is wrong, and says what and where', () => {
    write(
      'bad',
      '{"like": "pink", "time": "blinking", "own": 7, "day": "red", "dya": "red", "names": ["no", "red"]}',
    );
    const { theme, problems } = load('bad');
    assert.deepEqual(theme, { ...BUILT_IN.dark, day: '31', names: ['31'] });
    const said = problems.map((line) => line.replace(join(folder, 'themes'), '').slice(0, 50));
    assert.deepEqual(said, [
      '/bad.json: "like" takes dark, light, mono',
      '/bad.json: "time": "blinking" is no style: it take',
      '/bad.json: "own": it takes words for a style',
      '/bad.json: there is no "dya"; there are like, time',
      '/bad.json: "names": "no" is no style: it takes bol',
    ]);
    write('list', '{"names": []}');
    assert.deepEqual(load('list').theme, BUILT_IN.dark);
    assert.match(load('list').problems.join(), /"names" takes a list/);
  });

  it('that is not there, or is no JSON, is told in one line', () => {
    const themes = new Themes(folder);
    write('broken', '{"a":\n');
    write('text', '"x"');
    for (const [name, line] of [
      [
        'nothing',
        /there is no theme "nothing": there are dark, light, mono, broken, text, and .*nothing\.json/,
      ],
      ['broken', /broken\.json cannot be read: /],
      ['text', /text\.json cannot be read: it is no object/],
      ['../config', /is no name of a theme/],
    ] as const) {
      const answer = themes.load(name);
      assert.ok(typeof answer === 'string');
      assert.match(answer, line);
      assert.equal(answer.split('\n').length, 1);
    }
    assert.deepEqual(new Themes(join(folder, 'nowhere')).names, ['dark', 'light', 'mono']);
  });
});

describe('a style', () => {
  it('is effects and colours, by name, number or value, before or behind the letters', () => {
    for (const [words, style] of [
      ['', ''],
      [' bold  red ', '1;31'],
      ['bright-blue on-white', '94;47'],
      ['inverse on-bright-black 208', '7;100;38;5;208'],
      ['#ffffff on-#000001', '38;2;255;255;255;48;2;0;0;1'],
    ] as const)
      assert.deepEqual(styleOf(words), { style });
    for (const words of ['redd', '256', 'on-', 'bright-', '#12345', 'bold;31', '\u001b[31m', 'constructor'])
      assert.ok('problem' in styleOf(words), words);
  });
});
