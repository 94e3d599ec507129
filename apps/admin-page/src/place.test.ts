import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf, placeOf } from './place.ts';

test('a place in the page goes into the address and comes back', () => {
  for (const of of ['', 'alice', '1001:Zk3v0nT1bq8sYw2A:7', 'a/b #%', '美玲'])
    assert.deepEqual(placeOf(hashOf('users', of)), { view: 'users', of });
  assert.deepEqual(placeOf(''), { view: '', of: '' });
  assert.deepEqual(placeOf('#/users/%zz'), { view: 'users', of: '%zz' });
});
