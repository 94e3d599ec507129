import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Seq, UserId } from '@cim/protocol';
import { Deliveries } from './deliveries.ts';

const user = (id: number): UserId => id as UserId;
const seq = (n: number): Seq => n as Seq;

describe('deliveries', () => {
  it('follow the newest 4,096 sends, whoever they are for', () => {
    const refs: number[] = [];
    const deliveries = new Deliveries(({ ref }) => refs.push(ref));
    for (let ref = 1; ref <= 5_000; ref++) deliveries.stored(ref, user(1 + (ref % 2)), seq(ref));
    deliveries.passed(user(1), seq(5_000), false);
    deliveries.passed(user(2), seq(5_000), false);
    assert.equal(refs.length, 4_096);
    assert.equal(Math.min(...refs), 905);
    assert.deepEqual(deliveries.questions(), []);
  });

  it('ask about 63 recipients at most, with the newest send of each', () => {
    const deliveries = new Deliveries(() => undefined);
    for (let id = 1; id <= 100; id++) for (const at of [1, 2]) deliveries.stored(id, user(id), seq(at));
    const questions = deliveries.questions();
    assert.equal(questions.length, 63);
    assert.deepEqual(questions.at(-1), { to: 100, seq: 2 });
  });
});
