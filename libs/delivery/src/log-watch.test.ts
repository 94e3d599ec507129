import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogControl, silentLogger } from '@cim/runtime';
import { LogWatch } from './log-watch.ts';

/** Two servers on one store. */
function start() {
  const store = { text: undefined as string | undefined, away: false };
  const wishes = {
    put: (text: string) => {
      store.text = text;
      return Promise.resolve();
    },
    get: () => (store.away ? Promise.reject(new Error('away')) : Promise.resolve(store.text)),
  };
  const server = () => new LogWatch({ wishes, control: new LogControl('info'), logger: silentLogger() });
  return { store, server };
}

test('a wish made at one server is followed by the others at their next poll, and can be ended at any of them', async () => {
  const { server } = start();
  const [here, there] = [server(), server()];
  await Promise.all([here.poll(), there.poll()]);
  await here.want({ level: 'debug', user: 7 }, 60_000);
  assert.deepEqual(here.wish, { level: 'debug', user: 7 });
  assert.deepEqual(there.wish, {});
  await there.poll();
  assert.deepEqual(there.wish, { level: 'debug', user: 7 });
  await there.want({}, 0);
  await here.poll();
  assert.deepEqual(here.wish, {});
  await here.poll();
});

test('a server that was restarted does not follow an earlier wish', async () => {
  const { server } = start();
  const here = server();
  await here.poll();
  await here.want({ level: 'debug' }, 60_000);
  const restarted = server();
  await restarted.poll();
  await restarted.poll();
  assert.deepEqual(restarted.wish, {});
  await here.want({ level: 'warn' }, 60_000);
  await restarted.poll();
  assert.deepEqual(restarted.wish, { level: 'warn' });
});

test('a store that is away, or a wish in the format of another version, changes nothing', async () => {
  const { store, server } = start();
  const here = server();
  await here.poll();
  await here.want({ level: 'error' }, 60_000);
  for (const text of [
    '{"id":"x","forMs":1,"level":"loud"}',
    '{"id":"y"}',
    'null',
    '[',
    '{"id":"z","forMs":1,"user":"7"}',
  ]) {
    store.text = text;
    await here.poll();
    assert.deepEqual(here.wish, { level: 'error' });
  }
  store.away = true;
  await here.poll();
  assert.deepEqual(here.wish, { level: 'error' });
});
