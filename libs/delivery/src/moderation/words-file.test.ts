import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { parseWordList } from './word-list.ts';
import { FOUND } from './word-matcher.ts';
import { WordsFile } from './words-file.ts';

const logger = silentLogger();
let dir: string;
before(async () => (dir = await mkdtemp(join(tmpdir(), 'cim-words-'))));
after(() => rm(dir, { recursive: true, force: true }));

/** In one step: a file that is written may be read when it is half written. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}

test('a list has words below headings, comments and empty lines', async () => {
  assert.deepEqual(
    await parseWordList('\ufeff# ours\r\n[refuse]\r\nbad\r\n\r\n[flag]\r\n two words \n# x\n[mask]\nc'),
    [
      { text: 'bad', action: 'refuse' },
      { text: 'two words', action: 'flag' },
      { text: 'c', action: 'mask' },
    ],
  );
  assert.deepEqual(await parseWordList(''), []);
});

test('a line that cannot be used is named, with what to do', async () => {
  for (const [text, problem] of [
    ['bad', /^line 1 has a word before the first heading/],
    ['[refuse]\n[delete]\nbad', /^line 2 has a heading that is none of/],
    ['[refuse]\n***', /^line 2 has no letter and no digit/],
    ['[mask]\nok\nc++', /^line 3 has one letter beside/],
    [`[mask]\n${'x'.repeat(65)}`, /^line 2 has 65 letters; at most 64/],
    [`[mask]\n${'word\n'.repeat(100_001)}`, /^line 100002 is beyond 100000 words/],
  ] as const)
    await assert.rejects(parseWordList(text), { message: problem });
});

test('a file that cannot be used ends the start with one line', async () => {
  const path = join(dir, 'bad-start');
  await assert.rejects(WordsFile.open(path, logger), /^Error: CIM_WORDS_FILE: ENOENT/);
  await writeFile(path, Buffer.from([0xff, 0xfe]));
  await assert.rejects(WordsFile.open(path, logger), /^Error: CIM_WORDS_FILE: the file is not UTF-8/);
  await writeFile(path, '');
  await assert.rejects(WordsFile.open(path, logger), /^Error: CIM_WORDS_FILE: the file is empty/);
  await writeFile(path, 'word');
  await assert.rejects(WordsFile.open(path, logger), /^Error: CIM_WORDS_FILE: line 1 /);
});

test('a file that changes is read again, also when it is replaced; a broken one leaves the words before in use', async () => {
  const path = join(dir, 'words');
  await writeFile(path, '[refuse]\nold\n');
  const file = await WordsFile.open(path, logger, 5);
  try {
    assert.equal(file.matcher.find('old'), FOUND.refuse);
    await replace(path, '[refuse]\nolder\nnew\n');
    await until('the new words are in use', () => file.matcher.find('new') !== 0);
    assert.equal(file.matcher.find('old'), 0);
    await replace(path, 'new\n[refuse]\n');
    await until('the broken file is noticed', () => file.problem?.startsWith('line 1 ') === true);
    assert.equal(file.matcher.find('new'), FOUND.refuse);
    // As its writer leaves it for a moment.
    await replace(path, '');
    await until('the empty file is noticed', () => file.problem?.startsWith('the file is empty') === true);
    assert.equal(file.matcher.find('new'), FOUND.refuse);
    await rm(path);
    await until('the missing file is noticed', () => file.problem?.startsWith('ENOENT') === true);
    await replace(path, '[mask]\nnewest\n');
    await until('the newest words are in use', () => file.problem === undefined);
    assert.deepEqual([file.matcher.find('newest'), file.matcher.find('new')], [FOUND.mask, 0]);
  } finally {
    file.stop();
  }
});
