import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { configFolder, PreferencesFile, stateFolder } from './preferences.ts';

let folder: string;
let notes: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-preferences-'));
  notes = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (dir = folder): PreferencesFile => new PreferencesFile(dir, (line) => notes.push(line));
const write = (text: string): void => writeFileSync(join(folder, 'config.json'), text);

describe('the file of preferences', () => {
  it('keeps choices, only for the person, with fields of other versions', () => {
    write('{"from-tomorrow": 1, "bell": false}');
    const file = open();
    assert.equal(file.values.bell, false);
    file.set({ ignore: ['mallory'] });
    assert.equal(statSync(file.path).mode & 0o077, 0);
    assert.deepEqual(JSON.parse(readFileSync(file.path, 'utf8')), {
      'from-tomorrow': 1,
      bell: false,
      ignore: ['mallory'],
    });
    assert.deepEqual(open().values.ignore, ['mallory']);
    assert.deepEqual(notes, []);
  });

  it('may be absent, and is made with its folder', () => {
    const file = open(join(folder, 'a', 'b'));
    assert.equal(file.values.bell, true);
    file.set({ bell: false });
    assert.equal(open(join(folder, 'a', 'b')).values.bell, false);
  });

  it('is never written over when it cannot be understood', () => {
    for (const text of ['{', '[]', '"x"']) {
      write(text);
      const file = open();
      assert.equal(file.values.bell, true);
      assert.throws(() => file.set({ bell: false }), /not written/);
      assert.equal(readFileSync(file.path, 'utf8'), text);
      assert.match(notes.join(), /left alone/);
    }
  });

  it('says which choice it does not understand, and takes the others', () => {
    write('{"bell": "loud", "ignore": [1], "users": false}');
    assert.deepEqual([open().values.bell, open().values.users], [true, false]);
    assert.match(
      notes.join(),
      /config\.json: "bell" is "loud", and it takes true or false.*"ignore" is \[1\], and it takes a list of names/,
    );
  });
});

describe('the folders', () => {
  it('are those of XDG, where they are absolute', () => {
    const env = { XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s' };
    assert.deepEqual([configFolder(env), stateFolder(env)], ['/c/cim', '/s/cim']);
    const relative = { XDG_CONFIG_HOME: 'c', XDG_STATE_HOME: '' };
    assert.equal(configFolder(relative), join(homedir(), '.config/cim'));
    assert.equal(stateFolder(relative), join(homedir(), '.local/state/cim'));
  });
});
