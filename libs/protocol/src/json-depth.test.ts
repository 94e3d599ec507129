import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cim, contentFacts } from './index.ts';
import { JSON_LEVELS, jsonLevels } from './json-depth.ts';

test('levels of JSON are counted outside of texts', () => {
  for (const [json, levels] of [
    ['1', 0],
    ['"[[["', 0],
    ['"\\"[["', 0],
    ['"\\\\"', 0],
    ['["\\\\",[1]]', 2],
    ['[[],{"a[":[]}]', 3],
    ['{"ä":{"]":[{}]},"b":[]}', 4],
  ] as const)
    assert.equal(jsonLevels(new TextEncoder().encode(json)), levels, json);
});

test('a body of type json may have 100 levels and no more', () => {
  const problemOf = (levels: number) => {
    const body = new TextEncoder().encode('['.repeat(levels) + ']'.repeat(levels));
    return contentFacts(cim.Content.encode({ type: 'json', body }).finish()).problem;
  };
  assert.equal(problemOf(JSON_LEVELS), undefined);
  assert.match(problemOf(JSON_LEVELS + 1) ?? '', /nested 101 levels deep; at most 100 are allowed/);
});
