import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Epoch } from '@cim/protocol';
import { standingOf } from './standing.ts';

test('standingOf answers by the epoch of the session and the state that the store records', () => {
  const cases = [
    [5, 'live', 'current'],
    [6, 'live', 'superseded'],
    [6, 'issued', 'superseded'],
    [6, 'ended', 'logged-out'],
    [5, 'ended', 'logged-out'],
    [5, 'issued', 'unavailable'],
    [4, 'live', 'unavailable'],
    [4, 'ended', 'unavailable'],
    [0, 'ended', 'unavailable'],
  ] as const;
  for (const [epoch, state, standing] of cases)
    assert.equal(standingOf(5 as Epoch, { epoch: epoch as Epoch, state }), standing, `${epoch} ${state}`);
});
