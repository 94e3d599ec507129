import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EVENT_TYPES } from '@cim/store';

test('docs/business.md describes each type of event, and no other', () => {
  const page = readFileSync(new URL('../../../docs/business.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/^\| `([a-z]+\.[a-z]+)` \|/gm)].map(([, name = '']) => name);
  assert.deepEqual(named.toSorted(), [...EVENT_TYPES].sort());
});
