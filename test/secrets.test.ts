/** What a running program keeps from the other users of its machine. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { clusterKey } from '@cim/runtime';
import { cimRequest, ServerProcess, UnmodifiedCimClient } from '@cim/testkit';

before(async () => {
  const builder = new URL('../scripts/build.mjs', import.meta.url).href;
  const { build } = (await import(builder)) as { readonly build: () => Promise<void> };
  await build();
});

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cim-secrets-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const modesOf = (dir: string): string[] =>
  readdirSync(dir).map((name) => `${name} ${(statSync(join(dir, name)).mode & 0o777).toString(8)}`);

test('the data folder of standalone is for its owner alone, whatever it was before', async (t) => {
  const dir = folder(t);
  const first = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
  await UnmodifiedCimClient.register(first.routeUrl, 'alice');
  await first.end('SIGTERM');
  // As an older version left it, with a umask of 022.
  chmodSync(dir, 0o755);
  for (const name of readdirSync(dir)) chmodSync(join(dir, name), 0o644);

  const second = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
  t.after(() => second.end());
  await UnmodifiedCimClient.register(second.routeUrl, 'bob');
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  const open = modesOf(dir).filter((line) => !line.endsWith(' 600'));
  assert.deepEqual(open, []);
});

test('the log files of standalone are for its owner alone, from the first one on', async (t) => {
  const dir = folder(t);
  const server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(dir, 'data'),
    CIM_LOG_FILE: join(dir, 'log', 'standalone.log'),
  });
  t.after(() => server.end());
  const modes = modesOf(join(dir, 'log'));
  assert.equal(modes.length, 1);
  assert.match(modes[0] ?? '', / 600$/);
});

test('standalone has a random secret of its own, which opens /sendMsg and is in no log', async (t) => {
  const dirs = [folder(t), folder(t)];
  const secrets: string[] = [];
  for (const dir of dirs) {
    const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir, CIM_LOG_LEVEL: 'debug' });
    t.after(() => server.end());
    const secret = readFileSync(join(dir, 'cluster-secret'), 'utf8').trim();
    secrets.push(secret);
    const [from, to] = [
      await UnmodifiedCimClient.register(server.routeUrl, 'alice'),
      await UnmodifiedCimClient.register(server.routeUrl, 'bob'),
    ];
    const send = async (bearer: string): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${server.httpPort}/sendMsg`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}` },
        body: JSON.stringify({
          userId: to.userId,
          msg: 'x',
          properties: { sendUserId: String(from.userId) },
        }),
      });
      return answer.status;
    };
    for (const wrong of ['cim-on-loopback', clusterKey(secret, 'rpc'), clusterKey(secret, 'ticket')])
      assert.equal(await send(wrong), 401);
    for (const right of [secret, clusterKey(secret, 'send-msg')]) assert.equal(await send(right), 200);
    assert.ok(!(server.log + server.output).includes(secret));
  }
  assert.notEqual(secrets[0], secrets[1]);
});

test('a secret that is too short for others to be kept out is refused in one line, off loopback only', async (t) => {
  const env = {
    CIM_DATA_DIR: folder(t),
    CIM_AUTH: 'open',
    CIM_INSECURE: 'true',
    CIM_ADVERTISE_HOST: '127.0.0.1',
  };
  await assert.rejects(
    ServerProcess.start('standalone', { ...env, CIM_HOST: '0.0.0.0', CIM_CLUSTER_SECRET: 'short' }),
    /standalone: CIM_CLUSTER_SECRET has 5 characters; at least 32 are needed[^\n]*\n$/,
  );
  const own = await ServerProcess.start('standalone', { ...env, CIM_HOST: '0.0.0.0' });
  t.after(() => own.end());
  assert.equal((await cimRequest(own.routeUrl.replace('0.0.0.0', '127.0.0.1'), '/onlineUser')).code, '9000');
});
