import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAgainstModel } from '../streams.model.ts';
import { openTestStore } from './test-store.ts';

test('whatever is sent, acked and read in whatever order, also over restarts, is answered as the model says', async (t) => {
  const folder = await openTestStore(t);
  const store = await checkAgainstModel(folder.store, { runs: 60, reopen: () => folder.reopen() });
  assert.equal(store, folder.store);
});
