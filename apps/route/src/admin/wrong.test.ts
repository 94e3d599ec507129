import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterFacts, wrongOf } from './wrong.ts';

const load = { cpu: 0.1, loopDelayMs: 5, serving: true };
const well: ClusterFacts = {
  items: [{ instance: 'a', version: '1', load }],
  route: { version: '1', load },
  registry: { connected: true },
  store: {},
  webhooks: [],
};
const told = (facts: Partial<ClusterFacts>) =>
  wrongOf({ ...well, ...facts }).map(({ level, text }) => `${level} ${text}`);

test('nothing is wrong with a cluster that is well', () => assert.deepEqual(told({}), []));

test('each thing that is wrong is one line', () => {
  assert.deepEqual(told({ store: { problem: 'x' } }), ['bad the store takes no messages: x']);
  assert.deepEqual(told({ registry: { connected: false, problem: 'x' } }), [
    'bad the registry is not connected: the list may be old',
    'bad registry: x',
  ]);
  assert.deepEqual(told({ items: [] }), ['bad no im-server takes logins']);
  const [other] = well.items;
  const and = (server: object) => told({ items: [{ ...other }, { instance: 'b', version: '1', ...server }] });
  assert.deepEqual(and({ unknown: 'x' }), ['bad b: load unknown, x']);
  assert.deepEqual(and({ instance: undefined, unknown: 'x' }), ['note a server of CIM: load unknown, x']);
  assert.deepEqual(and({ load: { ...load, serving: false } }), [
    'bad b: not serving, the store has not renewed its lease',
  ]);
  assert.deepEqual(and({ load, moving: 'drain' }), ['note b: its sessions move to the others (drain)']);
  assert.deepEqual(and({ load: { ...load, loopDelayMs: 100 } }), [
    'warning b: its event loop came 100 ms late',
  ]);
  assert.deepEqual(and({ load: { ...load, loopDelayMs: 99, cpu: 0.9 } }), [
    'warning b: it uses 90% of a core',
  ]);
  assert.deepEqual(and({ load, version: '2' }), ['note several versions run: 1, 2']);
  assert.deepEqual(told({ route: { version: '1', load: { cpu: 2, loopDelayMs: 1 } } }), [
    'warning this route: it uses 200% of a core',
  ]);
  assert.deepEqual(told({ webhooks: [{ name: 'w', failingSince: 'noon', problem: 'x' }] }), [
    'warning webhook w fails since noon: x',
  ]);
  assert.deepEqual(told({ webhooks: { unknown: 'x' } }), ['warning webhooks: unknown, x']);
});

test('the worst comes first', () => {
  const items = [{ instance: 'a', version: '2', moving: 'drain', load: { ...load, cpu: 1 } }];
  assert.deepEqual(
    wrongOf({ ...well, items }).map(({ level }) => level),
    ['bad', 'warning', 'note', 'note'],
  );
});
