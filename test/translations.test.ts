/** The check that keeps README.zh-CN.md in step with README.md. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

const { translationProblems } = (await import(
  new URL('../scripts/translations.mjs', import.meta.url).href
)) as {
  translationProblems(names: readonly [string, string], original: string, translation: string): string[];
};

const ENGLISH = `# Name

One. [other](b.md)

## Start

Run it with \`npm start\`, see [docs](docs/x.md) and <http://127.0.0.1/>.

\`\`\`sh
# not a heading
npm start
\`\`\`
`;
const problems = (english: string, other: string): string[] =>
  translationProblems(['a.md', 'b.md'], english, other);
const marks = (english: string): string[] =>
  problems(english, '# 名\n[a](a.md)\n## 始').flatMap((one) => /<!-- .* -->/.exec(one)?.[0] ?? []);
const chinese = ([head = '', start = ''] = marks(ENGLISH)): string => `# 名字

${head}
一。 [English](a.md)

## 开始

${start}
用 \`npm start\` 运行，另见 <http://127.0.0.1/> 和[文档](docs/x.md)。

\`\`\`sh
# not a heading
npm start
\`\`\`
`;

test('a translation with the same headings, code, links and marks is in step, in whatever order a sentence has them', () => {
  assert.equal(marks(ENGLISH).length, 2);
  assert.deepEqual(problems(ENGLISH, chinese()), []);
  // Lines that are broken elsewhere are the same words.
  assert.deepEqual(problems(ENGLISH.replace('Run it with', 'Run it\nwith'), chinese()), []);
});

test('a section that has changed is told until its translation follows', () => {
  const changed = ENGLISH.replace('Run it', 'Start it');
  assert.match(
    problems(changed, chinese()).join('\n'),
    /^b\.md: "开始" is not of the words that "Start" has now/,
  );
  assert.deepEqual(problems(changed, chinese(marks(changed))), []);
});

for (const [what, from, to, expected] of [
  ['a heading', '## 开始', '开始', /has 1 headings, a\.md has 2/],
  ['the level of a heading', '## 开始', '### 开始', /has 3 #/],
  ['a command in a block', '```sh\n# not a heading\nnpm start', '```sh\nnpm stop', /lacks the code blocks/],
  ['a command in a sentence', '`npm start`', '`npm stop`', /lacks the code `npm start`/],
  ['a link', 'docs/x.md', 'docs/y.md', /lacks the links docs\/x\.md/],
  ['an address', '<http://127.0.0.1/>', '', /lacks the links http:\/\/127\.0\.0\.1\//],
  ['the link to the other page', '[English](a.md)', '', /no link to a\.md/],
] as const)
  test(`a translation without ${what} is told`, () => {
    assert.match(problems(ENGLISH, chinese().replace(from, to)).join('\n'), expected);
  });
