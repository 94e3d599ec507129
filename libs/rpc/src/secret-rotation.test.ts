import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { ClusterSecret, silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { call, ECHO, LATER, Process, said } from '../test/servers.ts';

const OLD = 'the old secret';
const NEW = 'the new secret';
/** What a server is set to at each step: the current secret, and the next one. */
const STEPS = [
  [OLD, ''],
  [OLD, NEW],
  [NEW, OLD],
  [NEW, ''],
] as const;

const dir = mkdtempSync(join(tmpdir(), 'cim-rotation-'));
after(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
/** Steps of a caller and of a server that do not fit; none of them are neighbours. */
const REFUSED = ['0 3', '1 3', '2 0', '3 0'];

/** A server's secret, which can be set to another step. */
class Stepping {
  readonly secret: ClusterSecret;
  readonly #file = join(dir, `secret-${files++}`);

  constructor(at: number) {
    this.#write(at);
    const [current, next] = STEPS[at] ?? STEPS[0];
    this.secret = ClusterSecret.open(
      { current, next },
      {
        files: { current: this.#file, next: `${this.#file}-next` },
        check: (secrets) => secrets,
        logger: silentLogger(),
        pollMs: 5,
      },
    );
  }

  async set(at: number): Promise<void> {
    this.#write(at);
    const [current, next] = STEPS[at] ?? STEPS[0];
    const accepted = [current, next].filter((secret) => secret !== '').join();
    await until('the step is taken', () => this.secret.accepted.join() === accepted);
  }

  #write(at: number): void {
    const [current, next] = STEPS[at] ?? STEPS[0];
    writeFileSync(this.#file, current);
    writeFileSync(`${this.#file}-next`, next);
  }
}

let here: Process;
let there: Process;
let stepping: Stepping[] = [];
const at = (step: number): Stepping => {
  const made = new Stepping(step);
  stepping.push(made);
  return made;
};
beforeEach(() => {
  [here, there] = [new Process(), new Process()];
});
afterEach(async () => {
  for (const { secret } of stepping) secret.stop();
  stepping = [];
  await Promise.all([here.stop(), there.stop()]);
});

describe('a new connection while the cluster secret is replaced', () => {
  for (const caller of STEPS.keys())
    for (const server of STEPS.keys()) {
      const works = !REFUSED.includes(`${caller} ${server}`);
      test(`from step ${caller} to step ${server} ${works ? 'opens' : 'is refused'}`, async () => {
        const { address } = await there.server(at(server).secret);
        const answer = said(await call(here.client(at(caller).secret), address, ECHO, 'hello'));
        if (works) assert.equal(answer, 'ok: hello');
        else assert.match(answer, /secrets differ/);
      });
    }
});

test('calls go on at each step, and one under way is answered when its connection is replaced', async () => {
  const [ours, theirs] = [at(0), at(0)];
  const server = await there.server(theirs.secret);
  const client = here.client(ours.secret);
  const works = async (): Promise<void> =>
    assert.equal(said(await call(client, server.address, ECHO, 'hello')), 'ok: hello');
  await works();
  for (const step of [1, 2, 3]) {
    const underWay = call(client, server.address, LATER, 'later');
    await until('it is under way', () => server.released.length > 0);
    await theirs.set(step);
    await works();
    if (step < 3) {
      await ours.set(step);
      await works();
    }
    server.released.pop()?.();
    assert.equal(said(await underWay), 'ok: later');
    await ours.set(step);
    await works();
  }
});

test('a connection that was opened with the secret of before is closed when that is accepted no more', async () => {
  const [ours, theirs] = [at(1), at(2)];
  const server = await there.server(theirs.secret);
  const client = here.client(ours.secret);
  assert.equal(said(await call(client, server.address, ECHO, 'hello')), 'ok: hello');
  assert.equal(server.rpc.connections, 1);
  await theirs.set(3);
  await until('it is closed', () => server.rpc.connections === 0);
  assert.match(said(await call(client, server.address, ECHO, 'hello')), /secrets differ|down|closed/);
});
