/** One connection of a hostile client, from its login to its end. */
import { cim, decodeFrame, messageId, type ProducerId, type UserId } from '@cim/protocol';
import { post } from '../web-socket-client.ts';
import { Dice } from './dice.ts';
import { Frames, PING } from './frames.ts';
import { Line } from './line.ts';
import type { Tally } from './tally.ts';
import { hostileHandshake, wildFrame } from './web-socket-bytes.ts';
import type { Account, World } from './world.ts';

/**
 * A frame that announces more bytes than it has swallows the frames behind it. This is how long the life
 * waits for the answer to those [ms].
 */
const SWALLOWED_MS = 400;
/** How long the life waits for the answer to well-formed frames [ms]. */
const ANSWER_MS = 20_000;
/** Most batches of one life. */
const MOST_BATCHES = 12;

export interface Target {
  readonly routeUrl: string;
  readonly port: number;
  readonly isWebSocket: boolean;
  readonly world: World;
  readonly tally: Tally;
}

interface Login {
  readonly ticket: string;
}

/** The bytes that were written last, for the report of a finding. */
export interface Trace {
  last: Buffer;
}

/** Runs a life. Answers how many frames the server has read for certain. */
export async function live(target: Target, life: number, seed: number, trace: Trace): Promise<number> {
  const dice = new Dice(seed);
  const chance = dice.below(100);
  if (chance < 30) return strangerLife(target, life, dice, trace);
  if (chance < 35 && !target.isWebSocket) return cimLife(target, life, dice, trace);
  return new OwnLife(target, life, dice, trace).run();
}

function accountOf({ world: { hostile } }: Target, life: number): Account {
  const account = hostile[life % hostile.length];
  if (account === undefined) throw new Error('there are no accounts');
  return account;
}

/** Waits until a condition is true, or the time is over. */
class Wait {
  #wake: (() => void) | undefined;

  told(): void {
    this.#wake?.();
  }

  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }
}

/** The life of a client that never logs in. */
async function strangerLife(target: Target, life: number, dice: Dice, trace: Trace): Promise<number> {
  const { port, isWebSocket, world, tally } = target;
  const account = accountOf(target, life);
  const frames = new Frames(dice, world);
  const wait = new Wait();
  const badHandshake = isWebSocket && dice.percent(70);
  const line = new Line(port, isWebSocket && !badHandshake, dice, {
    onFrame: (body) => tally.note(body),
    onEnd: () => wait.told(),
  });
  const said = badHandshake
    ? [hostileHandshake(dice)]
    : Array.from({ length: dice.pick([1, 1, 1, 2, 20]) }, () =>
        frames.strange(account.userId, account.userName),
      );
  const bytes = Buffer.concat(said);
  trace.last = bytes;
  if (badHandshake) line.raw(bytes);
  else if (isWebSocket && dice.percent(30)) line.raw(wildFrame(dice));
  else line.write(bytes, dice.percent(50) ? 'whole' : 'pieces');
  await wait.until(() => line.ended, dice.percent(20) ? 5 : SWALLOWED_MS);
  line.end();
  await wait.until(() => line.ended, ANSWER_MS);
  // The server has read only the first frame of a stranger for certain.
  return 1;
}

/** The life of a client that speaks CIM's wire. */
async function cimLife(target: Target, life: number, dice: Dice, trace: Trace): Promise<number> {
  const { routeUrl, port, world, tally } = target;
  const { userId, userName } = accountOf(target, life);
  const answer = await post({ routeUrl }, '/login', { userId, userName }).catch(() => undefined);
  if (answer === undefined) return 0;
  const frames = new Frames(dice, world);
  const wait = new Wait();
  let pongs = 0;
  const line = new Line(port, false, dice, {
    onFrame: (body) => {
      if (decodeFrame(body).cmd === cim.BaseCommand.PING) pongs++;
      wait.told();
    },
    onEnd: () => wait.told(),
  });
  line.write(frames.cimLogin(userId, userName), 'whole');
  let looked = 0;
  for (let batch = 0; batch < 4 && !line.ended; batch++) {
    const tame = Array.from({ length: dice.between(1, 60) }, () => frames.cim());
    const bytes = Buffer.concat([...tame, frames.cimPing(), frames.wild()]);
    trace.last = bytes;
    const before = pongs;
    line.write(bytes, 'whole');
    await wait.until(() => pongs > before || line.ended, ANSWER_MS);
    if (pongs > before) looked += tame.length + 1;
    await wait.until(() => line.ended, 5);
  }
  line.end();
  await wait.until(() => line.ended, ANSWER_MS);
  tally.lived();
  return looked;
}

class OwnLife {
  readonly #target: Target;
  readonly #life: number;
  readonly #dice: Dice;
  readonly #trace: Trace;
  readonly #frames: Frames;
  readonly #wait = new Wait();
  #line: Line | undefined;
  #pongs = 0;
  #pings = 0;
  #welcome = false;
  /** Set when a frame has swallowed the frames behind it. */
  #over = false;

  constructor(target: Target, life: number, dice: Dice, trace: Trace) {
    this.#target = target;
    this.#life = life;
    this.#dice = dice;
    this.#trace = trace;
    this.#frames = new Frames(dice, target.world);
  }

  async run(): Promise<number> {
    const { routeUrl, port, isWebSocket, tally, world } = this.#target;
    const { userId, userName } = accountOf(this.#target, this.#life);
    // An account has as many lives at once as it has devices.
    const device = `fuzz-device-${Math.floor(this.#life / world.hostile.length) % 4}-${isWebSocket ? 'ws' : 'tcp'}`;
    const login = await post({ routeUrl }, '/login', { userId, userName, wire: 2, device }).catch(
      (error: unknown) => tally.refused(String(error)),
    );
    if (login === undefined) return 0;
    const dice = this.#dice;
    const line = new Line(port, isWebSocket, dice, {
      onFrame: (body) => this.#onFrame(body),
      onEnd: () => this.#wait.told(),
    });
    this.#line = line;
    const begin = [this.#frames.login(userId, (login as Login).ticket)];
    if (dice.percent(85)) begin.push(this.#frames.resume());
    line.write(Buffer.concat(begin), 'whole');
    // More than 16 frames before the answer to the login would end the channel.
    await this.#wait.until(() => this.#welcome || line.ended, ANSWER_MS);
    if (dice.percent(3)) return this.#deaf(line);
    let looked = 0;
    for (let batch = dice.between(1, MOST_BATCHES); batch > 0 && !line.ended && !this.#over; batch--)
      looked += await this.#batch(line);
    line.end();
    await this.#wait.until(() => line.ended, ANSWER_MS);
    tally.lived();
    return looked;
  }

  /** Goes on writing and reads none of the answers. */
  async #deaf(line: Line): Promise<number> {
    line.deaf();
    for (let batch = 0; batch < MOST_BATCHES; batch++)
      line.write(Buffer.concat(Array.from({ length: 60 }, () => this.#frames.tame())), 'whole');
    await this.#wait.until(() => line.ended, SWALLOWED_MS);
    line.end();
    await this.#wait.until(() => line.ended, ANSWER_MS);
    this.#target.tally.lived();
    return 0;
  }

  /** Writes many tame frames, then a wild one. A ping after each shows how far the server has read. */
  async #batch(line: Line): Promise<number> {
    const dice = this.#dice;
    const tame = Array.from({ length: dice.between(10, 120) }, () => this.#frames.tame());
    const first = Buffer.concat([...tame, PING]);
    this.#trace.last = first;
    const pongs = ++this.#pings;
    const count = line.write(first, dice.percent(60) ? 'whole' : 'pieces');
    const units = this.#target.isWebSocket ? Math.max(count, tame.length) : tame.length;
    await this.#wait.until(() => this.#pongs >= pongs || line.ended, ANSWER_MS);
    if (this.#pongs < pongs) {
      this.#target.tally.cutShort();
      return 0;
    }
    if (dice.percent(40)) return units;
    const isBelow = this.#target.isWebSocket && dice.percent(60);
    const wild = isBelow ? wildFrame(dice) : this.#frames.wild();
    this.#trace.last = wild;
    if (isBelow) line.raw(wild);
    else line.write(wild, dice.percent(60) ? 'whole' : 'pieces');
    this.#pings++;
    line.write(PING, 'whole');
    const isAnswered = await this.#wait.until(() => this.#pongs >= this.#pings || line.ended, SWALLOWED_MS);
    this.#over = !isAnswered;
    return units + 1;
  }

  #onFrame(body: Uint8Array): void {
    const { tally, world } = this.#target;
    const [first, second] = body;
    if (first === 0xd2 && second === 1) {
      this.#pongs++;
      this.#wait.told();
      return;
    }
    tally.note(body);
    if (first === 0x8a && second === 1) {
      this.#welcome = true;
      this.#wait.told();
    }
    // The frame is `resumed`.
    if (first === 0xc2 && second === 1) this.#frames.resumed();
    if (first !== 0xaa || second !== 1) return;
    const { deliver } = decodeFrame(body);
    const last = (deliver?.entries ?? []).at(-1) as cim.Entry | undefined;
    if (last === undefined || deliver === undefined || deliver === null) return;
    world.saw(messageId(last.sender as UserId, last.producer as ProducerId, last.counter));
    if (this.#dice.percent(90)) this.#line?.write(this.#frames.ack(deliver.group ?? '', last.seq), 'whole');
  }
}
