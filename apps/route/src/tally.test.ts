import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '@cim/runtime';
import { Tally } from './tally.ts';

test('what was counted is told by both labels, and as much again when it is asked for twice', async () => {
  const metrics = createMetrics({ program: 'test' });
  const tally = new Tally({
    name: 'cim_answers',
    help: 'x',
    labelNames: ['path', 'code'],
    registers: metrics,
  });
  tally.add('/login', '9000');
  tally.add('/login', '9000');
  tally.add('/login', '5000');
  for (let scrape = 0; scrape < 2; scrape++) {
    const lines = (await metrics.metrics()).split('\n').filter((line) => line.startsWith('cim_answers{'));
    assert.deepEqual(lines, [
      'cim_answers{path="/login",code="9000",program="test"} 2',
      'cim_answers{path="/login",code="5000",program="test"} 1',
    ]);
  }
});
