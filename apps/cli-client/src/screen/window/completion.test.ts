import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { completionOf } from './completion.ts';

const known = {
  commands: [':olu', ':online'],
  names: ['bob', 'Bobby', 'Zoe'],
  groups: ['#dev', '#our team'],
  options: ['theme', 'bell', 'users'],
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

  it('completes the options of :set, and shows all where none is begun', () => {
    assert.deepEqual(of(':set be'), { from: 5, candidates: ['bell '] });
    assert.deepEqual(of(':set '), { from: 5, candidates: ['theme ', 'bell ', 'users '] });
    assert.deepEqual(of(':set b'), { from: 5, candidates: ['bell '] }, 'and not bob');
    assert.deepEqual(of(':set theme be').candidates, []);
    assert.deepEqual(of('x :set be').candidates, []);
  });
});
