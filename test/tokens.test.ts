/** Users with tokens against a whole server: the SDK, and the terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CimClient } from '@cim/client/node';
import { ServerProcess } from '@cim/testkit';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');

/** As the backend of a business system does it. */
function tokenOf(sub: string, name: string, lifeS = 600): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + lifeS;
  const signed = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ sub, name, exp })}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cim-tokens-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('users log in with tokens by the SDK and the terminal, and nobody does without one', async (t) => {
  const dir = folder(t);
  const pem = join(dir, 'public.pem');
  writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }));
  const server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(dir, 'data'),
    CIM_AUTH: 'jwt',
    CIM_JWT_KEY_FILE: pem,
  });
  t.after(() => server.end());
  const routeUrl = server.routeUrl;

  await using erin = new CimClient({ routeUrl, userName: 'erin', token: () => tokenOf('7', 'erin') });
  await erin.connect();
  const heard = new Promise<string>((resolve) =>
    erin.on('message', ({ from, texts }) => resolve(`${from.userName}: ${texts.join()}`)),
  );
  const chat = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      'apps/cli-client/src/main.ts',
      '--name',
      'finn',
      '--route',
      routeUrl,
      '--state-dir',
      join(dir, 'state'),
    ],
    { env: { ...process.env, CIM_TOKEN: tokenOf('8', 'finn') } },
  );
  let shown = '';
  for (const stream of [chat.stdout, chat.stderr])
    stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => chat.once('close', resolve));
  chat.stdin.end('hello from a terminal\n');
  assert.equal(await ended, 0, shown);
  assert.equal(await heard, 'finn: hello from a terminal');

  for (const [options, text] of [
    [{}, /an account appears with the first token/],
    [{ password: 'correct horse' }, /an account appears with the first token/],
    [{ token: tokenOf('9', 'gina', -100) }, /the token has expired; get a fresh one/],
    [{ token: `${tokenOf('9', 'gina').slice(0, -4)}AAAA` }, /this token does not count/],
    [{ token: tokenOf('9', 'erin') }, /"erin", is that of another account/],
  ] as const) {
    await using client = new CimClient({ routeUrl, userName: 'gina', ...options });
    await assert.rejects(client.connect(), text);
  }
  assert.ok(!server.log.includes('eyJ'), 'no token is in the log');
});
