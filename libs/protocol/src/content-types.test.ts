import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentFacts, contentType, TEXT_LIMITS } from './content-types.ts';
import { cim } from './generated.ts';
import type { UserId } from './ids.ts';

test('the table says what events do to a message, and in which order', () => {
  const message = { recalled: false, reactions: new Map<UserId, string>() };
  const change = (type: string, texts: string[], sender = 1, inGroup = false): void =>
    contentType(type).about?.change(message, {
      ...{ texts, sender: sender as UserId, at: 5, isOwn: sender === 1, inGroup },
    });
  change('edit', ['better']);
  change('edit', ['forged'], 2);
  change('reaction', ['+'], 2);
  change('reaction', ['-'], 1);
  change('reaction', [], 2);
  change('recall', [], 2);
  change('json', ['no event']);
  assert.deepEqual(message, {
    ...{ recalled: false, edit: { texts: ['better'], at: 5 }, reactions: new Map([[1, '-']]) },
  });
  change('recall', [], 2, true);
  assert.equal(message.recalled, true);
});

test('every event that arrives encoded is checked: it needs a message, and has only the texts of its type', () => {
  const problem = (content: cim.Content.$Properties): string | undefined =>
    contentFacts(cim.Content.encode(content).finish()).problem;
  const ref = '1:a-producer-of-tests:1';
  for (const good of [
    { type: 'reaction', ref, texts: ['👍'] },
    { type: 'reaction', ref },
    { type: 'recall', ref },
    { type: 'edit', ref, texts: ['better'] },
  ])
    assert.equal(problem(good), undefined, JSON.stringify(good));
  for (const bad of [
    { type: 'reaction', texts: ['👍'] },
    { type: 'reaction', ref, texts: ['👍', '🎉'] },
    { type: 'reaction', ref, texts: ['x'.repeat(65)] },
    { type: 'reaction', ref, texts: ['👍'], body: new Uint8Array(1) },
    { type: 'recall' },
    { type: 'recall', ref, texts: ['why'] },
    { type: 'edit', ref },
    { type: 'edit', ref, texts: ['better'], body: new Uint8Array(1) },
  ])
    assert.notEqual(problem(bad), undefined, JSON.stringify(bad));
});

const contentProblem = (content: Uint8Array): string | undefined => contentFacts(content).problem;

const generated = (bytes: Uint8Array): string | undefined => {
  try {
    const content = cim.Content.decode(bytes);
    // A separate test covers wrong names of types.
    return contentFacts(bytes).unknownType
      ? contentProblem(bytes)
      : contentType(content.type).problem(content);
  } catch {
    return 'the content is not an encoded Content';
  }
};

const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }) },
  fc.constantFrom('', 'x'.repeat(TEXT_LIMITS.textBytes), 'ü'.repeat(TEXT_LIMITS.textBytes)),
);
const contents = fc
  .array(text, { maxLength: 6 })
  .map((texts) => Buffer.from(cim.Content.encode({ texts }).finish()));

test('what is wrong with a content is what is wrong with its texts', () => {
  const many = (texts: string[]) => Buffer.from(cim.Content.encode({ texts }).finish());
  for (const content of [
    many(Array.from({ length: TEXT_LIMITS.batchTexts }, () => 'x')),
    many(Array.from({ length: TEXT_LIMITS.batchTexts + 1 }, () => 'x')),
    many(Array.from({ length: 4 }, () => 'x'.repeat(TEXT_LIMITS.textBytes))),
    many(Array.from({ length: 5 }, () => 'x'.repeat(TEXT_LIMITS.textBytes))),
  ])
    assert.equal(contentProblem(content), generated(content));
  fc.assert(fc.property(contents, (content) => assert.equal(contentProblem(content), generated(content))));
});

/** The generated code reads a number of more than ten bytes, which no encoder writes. Our code refuses it. */
const hasLongNumber = (content: Uint8Array): boolean =>
  /[\x80-\xff]{10}/.test(Buffer.from(content).toString('latin1'));

test('with any of its bytes changed, or cut short, too', () => {
  fc.assert(
    fc.property(contents, fc.nat(), fc.nat(255), fc.nat(600), (content, at, byte, length) => {
      if (content.length > 0) content[at % content.length] = byte;
      for (const some of [content, content.subarray(0, length)])
        if (!hasLongNumber(some)) assert.equal(contentProblem(some), generated(some));
        else
          assert.ok(
            [generated(some), 'the content is not an encoded Content'].includes(contentProblem(some)),
          );
    }),
    { numRuns: 3_000 },
  );
});
