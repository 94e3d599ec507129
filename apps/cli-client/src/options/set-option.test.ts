import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseLine } from '../commands/parse-line.ts';
import { plainPaint } from '../screen/paint.ts';
import type { Screen } from '../screen/screen.ts';
import { View } from '../screen/view.ts';
import type { Preferences } from './options.ts';
import { PreferencesFile } from './preferences.ts';
import { Look, SetOption } from './set-option.ts';
import { BUILT_IN } from './theme.ts';
import { Themes } from './themes.ts';

let folder: string;
let printed: string[];
let changes: Preferences[];
let preferences: PreferencesFile;
let look: Look;
let options: SetOption;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-options-'));
  [printed, changes] = [[], []];
  preferences = new PreferencesFile(folder, (line) => printed.push(line));
  look = new Look(new Themes(folder), true);
  options = new SetOption({
    screen: { print: (lines) => void printed.push(...lines) } as Pick<Screen, 'print'> as Screen,
    view: new View(plainPaint, true, () => 0),
    preferences,
    look,
    changed: (values) => changes.push(values),
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

function type(line: string): string {
  printed = [];
  assert.equal(options.run(parseLine(line)), true, line);
  return printed.join('\n');
}
const saved = (): unknown => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));

describe(':set', () => {
  it('lists the options, shows one, and changes one for good', () => {
    assert.match(
      type(':set'),
      /config\.json\n {2}theme +dark +the colours\n {2}bell +on +the bell[^]*ignore +none/,
    );
    assert.equal(type(':set marks'), '* marks is on; it takes on, less, off');
    assert.equal(type(':set marks less'), '* marks is less');
    assert.equal(type(':set bell=off'), '* bell is off');
    assert.equal(type(':set ignore mallory, Noisy'), '* ignore is mallory, Noisy');
    assert.deepEqual(saved(), { marks: 'less', bell: false, ignore: ['mallory', 'Noisy'] });
    assert.deepEqual(changes.at(-1), {
      ...{ theme: 'dark', users: true, days: true },
      ...{ marks: 'less', bell: false, ignore: ['mallory', 'Noisy'] },
    });
    type(':set ignore none');
    assert.deepEqual(new PreferencesFile(folder, () => undefined).values.ignore, []);
  });

  it('says what an option takes, and which one was meant, and changes nothing', () => {
    for (const [line, why] of [
      [':set bell loud', /bell takes on or off/],
      [':set marks ON', /marks takes on, less, off/],
      [':set ignore a;b', /ignore takes names with commas/],
      [':set theme pink', /there is no theme "pink": there are dark, light, mono/],
      [':set theem dark', /no option "theem" \(is it "theme"\?\)/],
      [':set constructor x', /no option "constructor"; ":set" lists them/],
    ] as const)
      assert.throws(() => type(line), why, line);
    assert.deepEqual(changes, []);
    assert.throws(saved, /ENOENT/);
  });

  it('changes the colours at once; what is wrong in a file of a theme is told', () => {
    type(':set theme light');
    assert.equal(look.theme, BUILT_IN.light);
    mkdirSync(join(folder, 'themes'));
    writeFileSync(join(folder, 'themes', 'mine.json'), '{"like": "mono", "day": "red", "time": "x"}');
    assert.match(type(':set theme mine'), /"time": "x" is no style[^]*theme is mine$/);
    assert.deepEqual(look.theme, { ...BUILT_IN.mono, day: '31' });
    assert.match(type(':set theme'), /theme is mine; it takes dark, light, mono, mine/);
    const plain = new Look(new Themes(folder), false);
    plain.use('mine');
    assert.equal(plain.theme, BUILT_IN.mono, 'NO_COLOR');
  });

  it('counts for this terminal only where the file cannot be written', () => {
    writeFileSync(join(folder, 'config.json'), '{');
    assert.match(type(':set bell off'), /bell is off, in this terminal only: .*no JSON/);
    assert.equal(preferences.values.bell, false);
    assert.equal(readFileSync(join(folder, 'config.json'), 'utf8'), '{');
  });
});
