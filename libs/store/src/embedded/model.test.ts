import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAgainstModel, MODEL_LIMITS } from '../streams.model.ts';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';

test('random sends, acks, reads and restarts are answered as the model says', async (t) => {
  const folder = await openEmbeddedForTest(t, { limits: MODEL_LIMITS });
  const store = await checkAgainstModel(folder.store, { runs: 60, reopen: () => folder.reopen() });
  assert.equal(store, folder.store);
});
