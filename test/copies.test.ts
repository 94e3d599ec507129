/**
 * A client's files as a backup, a power cut or a clone leaves them: restored from an older copy, without
 * their ends, or copied to a second program. A copy of the files at any moment equals their state after a
 * kill -9 at that moment.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { CimClient, fileState, memoryState } from '@cim/client/node';
import { ServerProcess, until } from '@cim/testkit';

const STATE = 'alice.json';
const JOURNAL = `${STATE}.sends`;

let dataDir: string;
let server: ServerProcess;
let root: string;
let names = 0;
let name: string;
let bob: CimClient;
/** Texts that bob was shown, in order. */
let shown: string[];
/** Key: text. Value: the outcomes that any program of alice was told. */
let told: Map<string, Set<string>>;
let lost: unknown[];
let clients: CimClient[];
let folders: number;

before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'cim-copies-data-'));
  server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dataDir, CIM_SESSION_POLICY: 'kick' });
});
after(async () => {
  await server.end();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'cim-copies-'));
  shown = [];
  told = new Map();
  lost = [];
  clients = [];
  folders = 0;
  name = `alice-${++names}`;
  bob = new CimClient({ routeUrl: server.routeUrl, userName: `bob-${names}`, state: memoryState() });
  bob.on('message', ({ texts }) => shown.push(...texts));
  clients.push(bob);
  await bob.connect();
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  rmSync(root, { recursive: true });
});

const newFolder = (): string => join(root, String(++folders));
const copy = (folder: string): string => {
  const to = newFolder();
  cpSync(folder, to, { recursive: true });
  return to;
};
const withFiles = (folder: string, from: string, files: readonly string[]): string => {
  const to = copy(folder);
  for (const file of files) cpSync(join(from, file), join(to, file));
  return to;
};

/** Starts a program of alice on the files of a folder. */
async function start(folder: string): Promise<CimClient> {
  const client = new CimClient({
    routeUrl: server.routeUrl,
    userName: name,
    state: fileState(join(folder, STATE)),
  });
  clients.push(client);
  const texts = new Map<number, string>();
  const tell = (ref: number, what: string): void => {
    const text = texts.get(ref) ?? '';
    told.set(text, (told.get(text) ?? new Set()).add(what));
  };
  client.on('queued', (send) => texts.set(send.ref, send.texts.join()));
  client.on('stored', ({ ref }) => tell(ref, 'stored'));
  client.on('delivered', ({ ref }) => tell(ref, 'delivered'));
  client.on('unknown', ({ ref }) => tell(ref, 'unknown'));
  client.on('refused', ({ ref }) => tell(ref, 'refused'));
  client.on('lost', (event) => lost.push(event));
  await client.connect();
  return client;
}

/** Sends 40 texts. Answers a copy of the files made when this many are answered. */
async function sendAndCopy(folder: string, begin: string, answered: number): Promise<string> {
  const client = await start(folder);
  let answers = 0;
  for (let i = 1; i <= 40; i++)
    void client.send({ user: bob.user?.userId ?? 0 }, `${begin} ${i}`).then(() => answers++);
  if (answered > 0) await until('some are answered', () => answers >= answered);
  const files = copy(folder);
  await client.close();
  return files;
}

/** Waits until all sends of the journal are answered, and stops. The folder then has the program's files. */
async function finish(folder: string, begin: string): Promise<void> {
  const client = await start(folder);
  const answers = await Promise.all(
    [1, 2, 3].map((i) => client.send({ user: bob.user?.userId ?? 0 }, `${begin} ${i}`)),
  );
  assert.ok(answers.every(({ outcome }) => outcome === 'stored'));
  await until('all is answered', () => client.unanswered === 0);
  await client.close();
}

const textsInJournal = (folder: string): string[] =>
  readFileSync(join(folder, JOURNAL), 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line) as unknown[])
    .filter(([kind]) => kind === '+')
    .map((fields) =>
      Buffer.from(String(fields.at(-1)), 'base64')
        .subarray(2)
        .toString(),
    );

/** Checks that no text was reported as stored that is not there, and none is there twice. */
async function check(): Promise<void> {
  const stored = [...told].filter(([, what]) => what.has('stored') || what.has('delivered'));
  await until('bob has what is told as stored', () => stored.every(([text]) => shown.includes(text)));
  assert.equal(new Set(shown).size, shown.length, 'nothing is there twice');
  for (const [text, what] of told) assert.ok(!what.has('refused'), `${text} was refused`);
  assert.deepEqual(lost, []);
}

describe('files of a client', () => {
  for (const [what, restore] of [
    ['state and journal are restored together', (_: string, old: string) => copy(old)],
    ['the journal alone is restored', (now: string, old: string) => withFiles(now, old, [JOURNAL])],
    [
      'the state alone is restored',
      (now: string, old: string) => withFiles(now, old, [STATE, `${STATE}.processed`]),
    ],
  ] as const)
    for (const answered of [0, 7])
      test(`when ${what} from an older copy, ${answered} answers in`, async () => {
        const folder = newFolder();
        const old = await sendAndCopy(folder, 'first', answered);
        const now = await sendAndCopy(copy(old), 'second', 20);
        const files = restore(now, old);
        const known = textsInJournal(files);
        await finish(files, 'third');
        await check();
        assert.deepEqual(
          known.filter((text) => told.get(text)?.has('stored') !== true),
          [],
        );
      });

  test('when the journal has lost its last 1 to 20 records', async () => {
    let folder = newFolder();
    for (let cut = 1; cut <= 20; cut += cut < 4 ? 1 : 4) {
      const files = await sendAndCopy(folder, `cut ${cut}`, Math.min(3 * cut, 30));
      const path = join(files, JOURNAL);
      const lines = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, `${lines.slice(0, Math.max(1, lines.length - 1 - cut)).join('\n')}\n`);
      const known = textsInJournal(files);
      await finish(files, `after ${cut}`);
      assert.deepEqual(
        known.filter((text) => told.get(text)?.has('stored') !== true),
        [],
      );
      folder = files;
    }
    await check();
  });

  test('when a copy of them runs beside the original', async () => {
    const one = await sendAndCopy(newFolder(), 'before', 3);
    const two = copy(one);
    const to = { user: bob.user?.userId ?? 0 };
    for (let round = 1; round <= 3; round++) {
      const first = await start(one);
      for (let i = 1; i <= 10; i++) void first.send(to, `one, round ${round}: ${i}`);
      // The second program replaces the session of the first, which ends.
      const second = await start(two);
      for (let i = 1; i <= 10; i++) void second.send(to, `two, round ${round}: ${i}`);
      await until('the second is answered', () => second.unanswered === 0);
      await Promise.all([first.close(), second.close()]);
    }
    await finish(one, 'one, in the end');
    await finish(two, 'two, in the end');
    await check();
    for (const text of textsInJournal(one)) assert.ok(told.get(text)?.has('stored'), text);
    assert.equal(shown.filter((text) => text.startsWith('before')).length, 40);
  });
});
