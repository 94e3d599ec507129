import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { segmentsOf } from './segments.ts';
import { messagesOf, TEXT_BYTES } from './split.ts';

const drawn = (text: string): string[] =>
  segmentsOf(text).map(
    (segment) => `${segment.kind}:${segment.kind === 'link' ? segment.href : segment.text}`,
  );

test('a text is plain text, links, code and blocks', () => {
  assert.deepEqual(drawn('see (https://example.com/a?b=1). `x < 1` ok'), [
    'plain:see (',
    'link:https://example.com/a?b=1',
    'plain:). ',
    'code:x < 1',
    'plain: ok',
  ]);
  assert.deepEqual(drawn('look:\n```ts\nconst a = `b`;\n```\nthere'), [
    'plain:look:',
    'block:const a = `b`;',
    'plain:there',
  ]);
  assert.deepEqual(drawn('```\nnot closed'), ['block:not closed']);
  assert.deepEqual(drawn('````\n```\ncode\n```\n````\nthere'), ['block:```\ncode\n```', 'plain:there']);
  assert.deepEqual(drawn('```in line```\nthere'), ['plain:```in line```\nthere']);
});

test('only http and https are links, and none whose host is not what it seems', () => {
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,hello',
    'https://bank.example@evil.example/',
    'https://',
    'http:// ',
    `https://example.com/${'a'.repeat(3_000)}`,
  ])
    assert.deepEqual(
      segmentsOf(text).filter(({ kind }) => kind === 'link'),
      [],
      text,
    );
});

test('no text is lost, whatever it holds, and none takes long', () => {
  const part = fc.constantFrom(
    '`',
    '```',
    '\n',
    'https://',
    'http://a.b',
    ' ',
    'a',
    ')',
    '\u202e',
    '字',
    '👩‍👧',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 300 }), (parts) => {
      const text = parts.join('');
      const without = text.replaceAll('`', '').replaceAll('\n', '');
      const shown = segmentsOf(text)
        .map((segment) => segment.text)
        .join('')
        .replaceAll('`', '')
        .replaceAll('\n', '');
      // The word behind an opening fence is its language, and is not drawn.
      if (!text.includes('```')) assert.equal(shown, without);
    }),
  );
  for (const one of ['`', '```\n', 'https://a.b ', '(', 'a`\n', 'http://'])
    assert.ok(timeOf(() => segmentsOf(one.repeat(Math.ceil(8_192 / one.length)))) < 200, one);
});

function timeOf(work: () => void): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

test('a long text becomes texts and messages that the server takes, and nothing of it is lost', () => {
  const bytes = (text: string): number => Buffer.byteLength(text);
  const line = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.constantFrom('字'.repeat(5_000), 'a'.repeat(9_000), '👩‍👧'.repeat(900)),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const text = lines.map((one) => one.replaceAll('\n', ' ')).join('\n');
      const messages = messagesOf(text);
      for (const texts of messages) {
        assert.ok(texts.every((one) => bytes(one) <= TEXT_BYTES && one !== ''));
        assert.ok(texts.reduce((sum, one) => sum + bytes(one), 0) <= 32 * 1024);
      }
      const said = messages.flat().join('').replaceAll('\n', '');
      assert.equal(said, text.replaceAll('\n', ''));
    }),
    { numRuns: 50 },
  );
  assert.deepEqual(messagesOf('hello\nthere'), [['hello\nthere']]);
});

test('code that is too long for one message is code in each of its messages', () => {
  const code = Array.from({ length: 9_000 }, (_, i) => `line ${i}`).join('\n');
  const messages = messagesOf(`look:\n\`\`\`\n${code}\n\`\`\`\nthat was it`);
  assert.ok(messages.length > 2, `${messages.length} messages`);
  const segments = messages.map((texts) => segmentsOf(texts.join('\n')));
  assert.deepEqual(
    segments.map((one) => one.map(({ kind }) => kind)),
    [['plain', 'block'], ...segments.slice(2).map(() => ['block']), ['block', 'plain']],
  );
  const blocks = segments.flat().filter(({ kind }) => kind === 'block');
  assert.equal(blocks.map(({ text }) => text).join('\n'), code);
});
