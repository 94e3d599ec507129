import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dialogue } from './dialogue.ts';
import { rulesIn } from './rule.ts';

test('a check that does not come to an end fails, and its clients leave the server', async () => {
  let left = false;
  const world = {
    fault: undefined,
    close: () => {
      left = true;
      return Promise.resolve();
    },
  };
  const never = () => new Promise<void>(() => undefined);
  const [rule] = rulesIn(() => world, [{ name: 'x/y/z', says: '', where: '', check: never }], 1);
  await assert.rejects(async () => rule?.check({ routeUrl: '', dialogue: new Dialogue() }), {
    message: 'the check was not over within 1 ms',
  });
  assert.ok(left);
});
