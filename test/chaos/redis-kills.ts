/** Redis killed while the disk is loaded; and the same where Redis may lose, which must be seen. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithUs } from '@cim/testkit';
import { Talk } from './crowd.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import type { Verdict } from './verdict.ts';
import { World, type WorldOptions } from './world.ts';

/** Long texts, so that what is not on disk yet is much. */
const FILLER = 'x'.repeat(4_000);
/** More than a turn of Redis takes in: what waits for the disk. */
const BEHIND_BYTES = 256 * 1024;
const BEHIND_WITHIN_MS = 5_000;

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
  { seed, say }: RunOptions,
  options: WorldOptions,
  judge: (world: World) => Promise<Verdict>,
  whenBehind = false,
): Promise<Verdict> {
  const random = seeded(seed);
  await using world = await World.start(options);
  await using load = await DiskLoad.start();
  const people = await world.invite(8);
  const talk = new Talk(people, { perSecond: 1_500, filler: FILLER });
  talk.start();
  for (let kill = 1; kill <= kills; kill++) {
    await sleep(500 + below(random, 1_000));
    if (whenBehind && world.redis !== undefined) await untilBehind(world.redis.port);
    await world.redis?.kill();
    await sleep(below(random, 500));
    await world.redis?.start();
    say(`kill ${kill} of ${kills}, ${talk.said} messages, ${load.writers} write to the disk`);
    const said = talk.said;
    // Until it flows again.
    for (let waited = 0; talk.said < said + 200 && waited < 20_000; waited += 50) await sleep(50);
  }
  talk.stop();
  return await judge(world);
}

export async function redisKills(options: RunOptions): Promise<Row> {
  const kills = options.long ? 100 : 5;
  const verdict = await killed(kills, options, {}, (world) => world.verdict());
  return {
    name: 'Redis kill -9 under disk load, `disk`',
    did: `${kills} kills`,
    found: figuresOf(verdict),
    broken: brokenIn(verdict),
  };
}

/** Waits, 5 s at most, until Redis holds back writes because the disk is slower than what comes. */
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

/** What is lost does not come: there is no use in waiting long for it. */
const CONTROL_SETTLE_MS = 5_000;

/** The control: with everysec under `fast` losses must be found, and those who could notice must have been told. */
export async function redisLossControl(options: RunOptions): Promise<Row> {
  const kills = options.long ? 20 : 5;
  const env = { CIM_DURABILITY: 'fast' };
  const redisFlags = ['--appendfsync', 'everysec'];
  const verdict = await killed(
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
    did: `${kills} kills`,
    found: `${figuresOf(verdict)}; ${losses} of them losses`,
    broken: losses === 0 ? ['nothing was lost: the run above shows nothing'] : [],
  };
}
