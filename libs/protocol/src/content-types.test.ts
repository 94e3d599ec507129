import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentFacts } from './content-types.ts';
import { cim } from './generated/cim.js';

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
