import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import './ioredis.ts';

test('with the driver loaded, V8 finds the methods of texts as fast as without', () => {
  setFlagsFromString('--allow-natives-syntax');
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a question to V8, which is no JavaScript
  const isFast = new Function('return %HasFastProperties(String.prototype)') as () => boolean;
  assert.equal(isFast(), true);
});
