/**
 * Kills Redis while the disk is loaded. A second run uses a mode in which Redis may lose, which must be
 * noticed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs, until } from '@cim/testkit';
import { Talk } from './talk.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { Turns } from './turns.ts';
import type { Verdict } from './verdict.ts';
import { World, type WorldOptions } from './world.ts';

/** Long texts, so that much is not on disk yet. */
const FILLER = 'x'.repeat(4_000);
/** Bytes that wait for the disk: more than one turn of Redis reads. */
const BEHIND_BYTES = 256 * 1024;
const BEHIND_WITHIN_MS = 5_000;
const FLOWS_MS = 60_000;
const CROWD = { people: 3, devices: 3, groups: [2, 3] };
/** Kills between two judgements: fewer messages than a group's log keeps. */
const PAGE = 5;

/** Writes and syncs without end, beside Redis' own file. */
class DiskLoad implements AsyncDisposable {
  readonly #directory: string;
  readonly #children: ChildProcess[];

  private constructor(directory: string, children: ChildProcess[]) {
    this.#directory = directory;
    this.#children = children;
  }

  static async start(): Promise<DiskLoad> {
    const directory = await mkdtemp(join(tmpdir(), 'cim-disk-load-'));
    const children = [1, 2, 3].map((i) => {
      const loop = `while :; do dd if=/dev/zero of="${join(directory, String(i))}" bs=1M count=64 conv=fdatasync 2>/dev/null; done`;
      const child = spawn('sh', ['-c', loop], { stdio: 'ignore', detached: true });
      endWithUs(child);
      return child;
    });
    return new DiskLoad(directory, children);
  }

  get writers(): number {
    return this.#children.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.#children) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    await sleep(50);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function killed(
  kills: number,
  run: RunOptions,
  options: WorldOptions,
  judge: (world: World) => Promise<Verdict>,
  whenBehind = false,
): Promise<{ readonly verdict: Verdict; readonly made: number; readonly broken: string[] }> {
  const random = seeded(run.seed);
  await using world = await World.start(options);
  await using load = await DiskLoad.start();
  const people = await (whenBehind ? world.invite(8) : world.inviteGroups(CROWD, run.seed));
  using talk = new Talk(people, { perSecond: 1_000, filler: FILLER, turnover: world.turnover });
  talk.start();
  const turns = new Turns(kills, run, () => world.tally);
  for (let kill = turns.take(); kill !== undefined; kill = turns.take()) {
    turns.say(`kill ${kill}, ${load.writers} write to the disk`);
    await sleep(500 + below(random, 1_000));
    if (whenBehind && world.redis !== undefined) await untilBehind(world.redis.port);
    await world.redis?.kill();
    await sleep(below(random, 500));
    await world.redis?.start();
    const said = talk.said;
    await until('messages flow again', () => talk.said >= said + 200, FLOWS_MS);
    turns.ended();
    if (kill % PAGE > 0) continue;
    turns.say('judging');
    talk.stop();
    await judge(world);
    talk.start();
  }
  talk.stop();
  const verdict = await judge(world);
  return { verdict, made: turns.made, broken: brokenIn(verdict, world.turnover) };
}

export async function redisKills(options: RunOptions): Promise<Row> {
  const kills = options.long ? 100 : 5;
  const { verdict, made, broken } = await killed(kills, options, {}, (world) => world.verdict());
  return {
    name: 'Redis kill -9 under disk load, `disk`',
    did: `${made} kills`,
    faults: made,
    found: figuresOf(verdict),
    broken,
  };
}

/** Waits at most 5 s until Redis holds back writes because the disk is too slow. */
async function untilBehind(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const deadline = performance.now() + BEHIND_WITHIN_MS;
  try {
    for (let held = 0; held < BEHIND_BYTES && performance.now() < deadline; ) {
      socket.write('INFO persistence\r\n');
      const [text] = (await once(socket, 'data')) as [string];
      held = Number(/aof_buffer_length:(\d+)/.exec(text)?.[1] ?? 0);
    }
  } finally {
    socket.destroy();
  }
}

/** Lost messages never come, so a long wait would be useless [ms]. */
const CONTROL_SETTLE_MS = 5_000;

/** The control run: with everysec under `fast` losses must be found, and reported to those who could notice. */
export async function redisLossControl(options: RunOptions): Promise<Row> {
  const kills = options.long ? 20 : 5;
  const env = { CIM_DURABILITY: 'fast' };
  const redisFlags = ['--appendfsync', 'everysec'];
  const { verdict, made } = await killed(
    kills,
    options,
    { env, redisFlags },
    (world) => world.verdict({}, [], CONTROL_SETTLE_MS),
    true,
  );
  const losses = verdict.findings.filter(
    ({ fault }) => fault === 'answered stored, not stored' || fault === 'lost',
  ).length;
  return {
    name: 'control: the same with everysec under `fast`',
    did: `${made} kills`,
    faults: 0,
    found: `${figuresOf(verdict)}; ${losses} of them losses`,
    broken: losses === 0 ? ['nothing was lost: the run above shows nothing'] : [],
  };
}
