import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Seq, UserId } from '@cim/protocol';
import { FoldWatch } from './fold-watch.ts';

const ann = 1_001 as UserId;
const at = (top: number): Seq => top as Seq;

function watch(fails = 0): { folds: FoldWatch; folded: UserId[] } {
  const folded: UserId[] = [];
  let left = fails;
  const folds = new FoldWatch({
    foldNow: (user) => {
      if (left-- > 0) return Promise.reject(new Error('away'));
      folded.push(user);
      return Promise.resolve();
    },
  });
  return { folds, folded };
}

test('a timeline is folded each time it has grown by some thousand entries, and not in between', async () => {
  const { folds, folded } = watch();
  for (const top of [10, 1_999, 2_000, 2_001, 3_999, 4_100]) folds.moved(ann, at(top));
  await folds.idle();
  assert.deepEqual(folded, [ann, ann]);
});

test('a fold that fails is tried again with the next pass, and holds up nobody else', async () => {
  const { folds, folded } = watch(1);
  const ben = 1_002 as UserId;
  folds.moved(ann, at(2_500));
  folds.moved(ben, at(2_500));
  await folds.idle();
  assert.deepEqual(folded, [ben]);
  folds.moved(ann, at(2_500));
  folds.moved(ben, at(2_500));
  await folds.idle();
  assert.deepEqual(folded, [ben, ann]);
});
