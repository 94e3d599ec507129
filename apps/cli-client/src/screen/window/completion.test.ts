import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completionOf } from './completion.ts';

const known = {
  commands: [':olu', ':online'],
  names: ['bob', 'Bobby', 'Zoe'],
  groups: ['#dev', '#our team'],
};
const of = (before: string) => completionOf(before, known);

describe('Tab', () => {
  it('completes commands at the beginning, names and groups anywhere', () => {
    assert.deepEqual(of(':o'), { from: 0, candidates: [':olu', ':online'] });
    assert.deepEqual(of('BO'), { from: 0, candidates: ['bob;;', 'Bobby;;'] });
    assert.deepEqual(of('ask zo'), { from: 4, candidates: ['Zoe '] });
    assert.deepEqual(of(':to #o'), { from: 4, candidates: ['#our team '] });
    assert.deepEqual(of('#d'), { from: 0, candidates: ['#dev;;'] });
    assert.deepEqual(of('x :o').candidates, []);
    assert.deepEqual(of('x ').candidates, []);
  });
});
