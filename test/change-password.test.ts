/** A password is changed by one device of several: what each of them sees, in a whole server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState, type Storage } from '@cim/client/node';
import { ServerProcess, until } from '@cim/testkit';

const [OLD, NEW] = ['the old password', 'the new password'];

test('the device that changes the password goes on; the others close as logged out, and come back with the new one only', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-change-password-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const env = { CIM_DATA_DIR: dir, CIM_SESSION_POLICY: 'devices' };
  await using server = await ServerProcess.start('standalone', env);
  const clients: CimClient[] = [];
  t.after(() => Promise.all(clients.map((client) => client.close())));
  const logIn = async (userName: string, password: string, state: Storage = memoryState()) => {
    const client = new CimClient({ routeUrl: server.routeUrl, userName, password, state });
    clients.push(client);
    const shown: string[] = [];
    const closed: string[] = [];
    client.on('message', ({ texts }) => void shown.push(...texts));
    client.on('closed', ({ reason }) => void closed.push(reason));
    await client.connect();
    return { client, shown, closed };
  };
  const [desks, aways] = [memoryState(), memoryState()];
  const phone = await logIn('pia', OLD);
  const desk = await logIn('pia', OLD, desks);
  const away = await logIn('pia', OLD, aways);
  const bob = await logIn('bob', OLD);
  const pia = { user: phone.client.user?.userId ?? 0 };
  await bob.client.send(pia, 'before');
  await until('all have it', () => [phone, desk, away].every(({ shown }) => shown.length === 1));
  await away.client.close();

  await phone.client.changePassword(OLD, NEW);
  await until('the desk is told', () => desk.closed.length === 1);
  assert.deepEqual([desk.closed, phone.closed, phone.client.online], [['logged-out'], [], true]);
  await bob.client.send(pia, 'behind the change');
  await until('the phone has it', () => phone.shown.length === 2);
  for (const state of [desks, aways])
    await assert.rejects(
      logIn('pia', OLD, state),
      { code: '9100' },
      'neither its secret nor the old password',
    );

  // What they were not shown meanwhile comes, and nothing twice.
  const [desk2, away2] = [await logIn('pia', NEW, desks), await logIn('pia', NEW, aways)];
  await until('both have the rest', () => [desk2, away2].every(({ shown }) => shown.length === 1));
  assert.deepEqual(
    [desk2.shown, away2.shown, desk.shown],
    [['behind the change'], ['behind the change'], ['before']],
  );
  assert.equal((await phone.client.devices.list()).length, 3);
});
