/** Several devices of a user over `/v1` and `/login`, under CIM_SESSION_POLICY=devices. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Epoch, UserId } from '@cim/protocol';
import { ENGINES, startStore } from '../../test/engines.ts';
import { INSTANCE, RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

type Fields = Readonly<Record<string, unknown>>;
const device = (name: string): string => name.padEnd(16, '-');

for (const engine of ENGINES)
  describe(`devices on ${engine}`, { concurrency: false }, () => {
    let store: Awaited<ReturnType<typeof startStore>>;
    let at: RunningRoute;
    let v1: V1Client;
    before(async () => {
      store = await startStore(engine);
      at = await RunningRoute.start({ ...store, config: { sessionPolicy: 'devices', maxDevices: 3 } });
      v1 = await V1Client.of(at.route);
    });
    after(async () => {
      await at.stop();
      await store.end();
    });

    const logIn = (name: string, fields: Fields = {}) => v1.post('/sessions', { name, ...fields });
    /** Logs in and connects. */
    const connect = async (name: string, fields: Fields = {}): Promise<string> => {
      const { status, body } = await logIn(name, fields);
      assert.equal(status, 201, JSON.stringify(body));
      const { body: user } = await v1.get(`/users?name=${name}`);
      const claimed = await at.store.sessions.claim({
        userId: Number(user?.['id']) as UserId,
        epoch: body?.['epoch'] as Epoch,
        instance: INSTANCE,
        claim: JSON.stringify(body),
      });
      assert.equal(claimed.outcome, 'claimed');
      return String(body?.['secret']);
    };
    const devices = async (secret: string) =>
      ((await v1.get('/sessions', secret)).body?.['items'] as Fields[]).map((item) => [
        item['device'],
        item['label'],
        item['online'],
        item['current'],
      ]);

    test('a user is logged in with several devices, lists them, and ends one', async () => {
      await v1.post('/accounts', { name: 'ann' });
      const phone = await connect('ann', { device: device('phone'), label: 'Ännes Telefon' });
      const laptop = await connect('ann', { device: device('laptop') });
      assert.deepEqual(await devices(phone), [
        [device('laptop'), '', true, false],
        [device('phone'), 'Ännes Telefon', true, true],
      ]);
      assert.equal((await v1.ask('DELETE', `/sessions/${device('laptop')}`, undefined, phone)).status, 204);
      assert.equal((await v1.get('/sessions', laptop)).status, 401);
      assert.ok(at.rung.some((ring) => ring.includes('logged-out')));
      assert.deepEqual(
        (await devices(phone)).filter(([, , online]) => online),
        [[device('phone'), 'Ännes Telefon', true, true]],
      );
    });

    test('a device above the limit is refused with 9301; ending another one makes room', async () => {
      await v1.post('/accounts', { name: 'ben' });
      const first = await connect('ben', { device: device('first') });
      await connect('ben', { device: device('second') });
      await connect('ben', { device: device('third') });
      const fourth = await logIn('ben', { device: device('fourth') });
      assert.deepEqual([fourth.status, fourth.body?.['code']], [409, '9301']);
      await v1.ask('DELETE', `/sessions/${device('second')}`, undefined, first);
      await connect('ben', { device: device('fourth') });
    });

    test('the secret of a session replaces only the session of its own device', async () => {
      await v1.post('/accounts', { name: 'cleo', password: 'correct horse' });
      const session = await connect('cleo', { password: 'correct horse', device: device('phone') });
      assert.equal((await logIn('cleo', { session, device: device('phone') })).status, 201);
      assert.equal((await logIn('cleo', { session, device: device('laptop') })).status, 401);
    });

    test('/login with our wire accepts the device too; an invalid one is refused with one sentence', async () => {
      const userId = await at.register('dan');
      const login = (fields: Fields) => at.post('/login', { userId, userName: 'dan', wire: 2, ...fields });
      assert.equal((await login({ device: device('phone'), label: null })).code, '9000');
      assert.equal((await at.store.sessions.find(userId))[0]?.device, device('phone'));
      for (const wrong of [
        { device: 'short' },
        { device: 'cim' },
        { device: '' },
        { device: 'ü'.repeat(16) },
      ]) {
        const { code, message } = await login(wrong);
        assert.deepEqual([code, message], ['3000', 'device must be 16 to 64 of A-Z, a-z, 0-9, "_" and "-"']);
      }
      for (const label of ['x'.repeat(65), 'two\nlines'])
        assert.match((await login({ label })).message, /^label must be/);
      const wrong = await logIn('dan', { device: 'short' });
      assert.match(String(wrong.body?.['detail']), /^device must be a device id/);
    });
  });
