import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '@cim/testkit';
import { portOf, processesOption } from './processes.ts';
import { requireFreePorts } from './supervisor.ts';

const runtime = fileURLToPath(new URL('./index.ts', import.meta.url));

/** Supervisor and supervised in one file, as in a real program. Each supervised process leaves a file with its pid as name. */
const PROGRAM = `
import { writeFileSync } from 'node:fs';
import { createLogger, endWithSupervisor, runProgram, supervise, tellSupervisor } from ${JSON.stringify(runtime)};
const logger = createLogger('info');
const [dir, count, which] = process.argv.slice(2);
endWithSupervisor();
await runProgram('program', logger, 10_000, async (starting) => {
  if (which === undefined) {
    await supervise({ count: Number(count), flagsOf: (index) => [String(index)], logger }, starting);
    console.log('all serve');
    return;
  }
  if (process.env.FAILS === which) throw new Error('cannot start');
  starting.onStop(() => writeFileSync(dir + '/' + process.pid, which + ' stopped'));
  setInterval(() => undefined, 1_000);
  writeFileSync(dir + '/' + process.pid, which + ' serves');
  tellSupervisor();
});
`;

describe('supervisor', { timeout: 60_000 }, () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cim-supervisor-'));
    writeFileSync(join(dir, 'program.mts'), PROGRAM);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const launch = (count: number, env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(dir, 'program.mts'), dir, String(count)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { out: '', log: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.log += text));
    const closed = once(child, 'close') as Promise<[number | null]>;
    return { child, said, closed };
  };
  /** What each process has left, by pid. */
  const left = (): Map<number, string> =>
    new Map(
      readdirSync(dir)
        .filter((name) => /^\d+$/.test(name))
        .map((name) => [Number(name), readFileSync(join(dir, name), 'utf8')]),
    );
  const pidsOf = (state: string): number[] =>
    [...left()].filter(([, said]) => said === state).map(([pid]) => pid);

  it('starts a process again that was killed, and leaves the other alone; SIGTERM stops both and ends with 0', async () => {
    const { child, said, closed } = launch(2);
    await until('all serve', () => said.out.includes('all serve'));
    const [first = 0] = pidsOf('0 serves');
    const [second = 0] = pidsOf('1 serves');
    process.kill(first, 'SIGKILL');
    await until('another one serves in its place', () => pidsOf('0 serves').length === 2);
    assert.deepEqual(pidsOf('1 serves'), [second]);
    assert.match(said.log, new RegExp(`"process":1,"pid":${first},"code":null,"signal":"SIGKILL"`));
    child.kill('SIGTERM');
    assert.equal((await closed)[0], 0);
    const again = pidsOf('0 stopped');
    assert.equal(again.length, 1);
    assert.notEqual(again[0], first);
    assert.deepEqual(pidsOf('1 stopped'), [second]);
  });

  it('starts a process again at once that stopped by itself', async () => {
    const { child, said, closed } = launch(1);
    await until('it serves', () => said.out.includes('all serve'));
    const [first = 0] = pidsOf('0 serves');
    process.kill(first, 'SIGTERM');
    await until(
      'another one serves in its place',
      () => pidsOf('0 serves').length === 1 && pidsOf('0 serves')[0] !== first,
    );
    assert.match(said.log, new RegExp(`"pid":${first},"code":0,.*"afterMs":0,`));
    child.kill('SIGTERM');
    await closed;
  });

  it('does not start at all when one process cannot: the others are stopped, the exit code is 1', async () => {
    const { said, closed } = launch(2, { FAILS: '1' });
    assert.equal((await closed)[0], 1);
    assert.match(said.log, /program: cannot start\n/);
    assert.match(said.log, /program: process 2 did not start, so none runs\n/);
    assert.deepEqual(pidsOf('0 serves'), []);
  });

  it('its processes stop when it is killed', async () => {
    const { child, said, closed } = launch(2);
    await until('all serve', () => said.out.includes('all serve'));
    child.kill('SIGKILL');
    await until('both have stopped', () => pidsOf('0 stopped').length + pidsOf('1 stopped').length === 2);
    await closed;
  });
});

describe('processes and their ports', () => {
  it('a number, or one for each core', () => {
    const { parse } = processesOption('CIM_PROCESSES', '');
    assert.equal(parse('3'), 3);
    assert.equal(parse('auto'), availableParallelism());
    for (const wrong of ['0', '257', '-1', 'all', '1.5', ''])
      assert.throws(() => parse(wrong), /1 to 256, or auto/);
  });

  it('ports go up by 10, a free one stays a free one, and there is none above 65535', () => {
    assert.equal(portOf(11_211, 0), 11_211);
    assert.equal(portOf(11_211, 3), 11_241);
    assert.equal(portOf(0, 3), 0);
    assert.throws(() => portOf(65_530, 1), /^Error: process 2 would listen on port 65540/);
  });

  it('names the port that is in use, and leaves the free ones free', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const spare = createServer().listen(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(spare, 'listening')]);
    const portIn = (of: typeof server) => (of.address() as { port: number }).port;
    const taken = portIn(server);
    const free = portIn(spare);
    spare.close();
    await once(spare, 'close');
    const host = '127.0.0.1';
    await assert.rejects(
      requireFreePorts([
        { host, port: free },
        { host, port: taken },
      ]),
      {
        message: `port ${taken} on 127.0.0.1 is in use; nothing was started. Is another supervisor or server at work on these ports?`,
      },
    );
    server.close();
    await once(server, 'close');
    await requireFreePorts([
      { host, port: free },
      { host, port: taken },
    ]);
    await requireFreePorts([
      { host, port: free },
      { host, port: taken },
    ]);
  });
});
