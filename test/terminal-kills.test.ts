/** A terminal client that is killed again and again while people talk to it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ServerProcess, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KILLS = 10;
const LONGEST_MS = 60_000;

let folder: string;
let server: ServerProcess;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-kills-'));
  const free = { CIM_ROUTE_PORT: '0', CIM_TCP_PORT: '0', CIM_HTTP_PORT: '0' };
  server = await ServerProcess.start('standalone', { ...free, CIM_DATA_DIR: join(folder, 'data') });
});
after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

describe('a terminal client that is killed', () => {
  it('has each message in its history once, and shows each, at most one of them again for each kill', async () => {
    const bob = await post('/registerAccount', { userName: 'bob' });
    const alice = await post('/registerAccount', { userName: 'alice' });
    const shown: string[] = [];
    let client = startClient(shown);
    await until('alice is connected', () => shown.some((line) => line.includes('connected to')), LONGEST_MS);

    const enoughSaid = new AbortController();
    const said: string[] = [];
    const talk = (async () => {
      while (!enoughSaid.signal.aborted) {
        // A client that is away for longer than 100 group messages is sent the newest 100 only.
        await until('alice keeps up', () => said.length < textsOf(shown).length + 60, LONGEST_MS);
        const text = `text ${said.length} of bob`;
        const isPrivate = said.length % 2 === 0;
        await (isPrivate
          ? post('/p2pRoute', { userId: bob.userId, receiveUserId: alice.userId, msg: text })
          : post('/groupRoute', { userId: bob.userId, msg: text }));
        said.push(text);
      }
    })();
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = shown.length + 1 + Math.floor(Math.random() * 40);
      await until(`message ${enough} is shown`, () => shown.length >= enough, LONGEST_MS);
      const gone = new Promise((resolve) => client.once('close', resolve));
      client.kill('SIGKILL');
      await gone;
      client = startClient(shown);
    }
    enoughSaid.abort();
    await talk;
    await until('all are in the history', () => history().length >= said.length, LONGEST_MS);
    const last = said.at(-1) ?? '';
    await until('the last one is shown', () => textsOf(shown).includes(last), LONGEST_MS);

    const logged = textsOf(history());
    assert.deepEqual([...logged].sort(), [...said].sort(), 'each once');
    const order = (texts: readonly string[], parity: number): string[] =>
      texts.filter((text) => Number(text.split(' ')[1]) % 2 === parity);
    for (const parity of [0, 1])
      assert.deepEqual(order(logged, parity), order(said, parity), 'as they were stored');
    const seen = textsOf(shown);
    assert.deepEqual([...new Set(seen)].sort(), [...said].sort(), 'none was not shown');
    assert.ok(seen.length - said.length <= KILLS, `${seen.length - said.length} shown again`);

    const gone = new Promise((resolve) => client.once('close', resolve));
    client.stdin?.end();
    await gone;
  });
});

function startClient(shown: string[]): ChildProcess {
  const flags = ['--name', 'alice', '--route', server.routeUrl, '--state-dir', join(folder, 'state')];
  const client = spawn(process.execPath, [join(ROOT, 'dist/cli-client.js'), ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let rest = '';
  client.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    shown.push(...lines);
  });
  return client;
}

const textsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const at = line.indexOf('text ');
    return at < 0 ? [] : [line.slice(at).split('\t', 1)[0] ?? ''];
  });

function history(): string[] {
  const state = join(folder, 'state');
  const file = readdirSync(state).find((name) => name.endsWith('-alice.log'));
  return file === undefined ? [] : readFileSync(join(state, file), 'utf8').split('\n').slice(0, -1);
}

async function post(path: string, body: object): Promise<{ userId: number }> {
  const response = await fetch(server.routeUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { code: string; dataBody: { userId: number } | null };
  assert.ok(['9000', '7000'].includes(answer.code), JSON.stringify(answer));
  return answer.dataBody ?? { userId: 0 };
}
