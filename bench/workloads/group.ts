/** Sends texts to the group of everybody. Each text is delivered to all connections. */
import { cim, encodeFrame, LOBBY } from '@cim/protocol';
import { findRate } from '../find-rate.ts';
import { Fleet } from '../fleet.ts';
import { FloorServer } from '../floor/floor.ts';
import { payloadText } from '../load/payload.ts';
import type { LaneInfo } from '../load/sender.ts';
import type { MeasuredProcess } from '../processes.ts';
import type { Options } from '../options.ts';
import { bareFloor, type Floor, tcpFloor } from '../report.ts';
import { openOverTcp, type Target } from '../target.ts';
import {
  connectBare,
  connectUsers,
  disconnectAll,
  openLoad,
  range,
  registerUsers,
  type Run,
} from '../run.ts';
import { measureStep, type StepResult, stepFigures, together } from '../sending.ts';
import type { Outcome } from './outcome.ts';
import { BARE_LANES } from './p2p.ts';

/**
 * Length of the turns that our server and the bare server take [s]. Within a minute the speed of a machine
 * may vary by a third.
 */
const TURN_S = 5;

export async function group(run: Run): Promise<Outcome> {
  const { options, target } = run;
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, options.connections);
  const { failed, problem } = await connectUsers(run, users, { lobby: true });
  if (failed > 0) throw new Error(`${failed} users could not log in: ${problem}`);
  const [sender] = users;
  if (sender === undefined) throw new Error('a group needs users');
  const lane = { lane: 0, from: 0, fromUserId: sender.userId, to: 0, toUserId: 0 };
  // On CIM's wire a sender does not get its own text.
  const receivers = options.wire !== 'cim' ? users.length : users.length - 1;
  const ours = new Crowd('group', run, target.processes, lane, receivers);
  if (options.warmup > 0) await ours.measure(options.rate, options.warmup, 'warm-up of ');
  const found = options.findRate
    ? await findRate(run, (rate) => ours.measure(rate, options.seconds))
    : undefined;
  const ratePerS = found?.ratePerS ?? options.rate;

  await using tcp = await TcpCrowd.open(run);
  if (options.warmup > 0) await tcp?.measure(ratePerS, options.warmup, 'warm-up of ');
  await using bare = options.floor ? await BareCrowd.open(run) : undefined;
  if (options.warmup > 0) await bare?.measure(ratePerS, options.warmup, 'warm-up of ');
  const turns =
    bare === undefined && tcp === undefined ? 1 : Math.max(1, Math.round(options.seconds / TURN_S));
  const seconds = options.seconds / turns;
  const measured = {
    ours: found === undefined ? [] : [found.best],
    bare: [] as StepResult[],
    tcp: [] as StepResult[],
  };
  for (let turn = 0; turn < turns; turn++) {
    if (turn % 2 === 1 && bare !== undefined) measured.bare.push(await bare.measure(ratePerS, seconds));
    if (turn % 2 === 1 && tcp !== undefined) measured.tcp.push(await tcp.measure(ratePerS, seconds));
    if (found === undefined) measured.ours.push(await ours.measure(ratePerS, seconds));
    if (turn % 2 === 0 && tcp !== undefined) measured.tcp.push(await tcp.measure(ratePerS, seconds));
    if (turn % 2 === 0 && bare !== undefined) measured.bare.push(await bare.measure(ratePerS, seconds));
    if (ours.problems.length > 0) break;
  }
  await disconnectAll(run);
  const result = together(measured.ours, seconds);
  return {
    load: `${ratePerS} texts/s of ${options.bytes} bytes, ${options.burst} at a time, to ${receivers} users of ${options.wire} wire`,
    figures: [...(found?.figures ?? []), ...stepFigures(result, 'delivery')],
    floors: [
      ...(bare === undefined ? [] : [bare.asFloor(together(measured.bare, seconds))]),
      ...(tcp === undefined ? [] : [tcp.asFloor(together(measured.tcp, seconds))]),
    ],
    problems: ours.problems,
    measured: result.measured,
  };
}

/** The members of a group. One of them sends. */
class Crowd {
  readonly name: string;
  readonly problems: string[] = [];
  readonly #run: Run;
  readonly #processes: readonly MeasuredProcess[];
  readonly #lane: LaneInfo;
  readonly #receivers: number;
  #steps = 1;

  constructor(
    name: string,
    run: Run,
    processes: readonly MeasuredProcess[],
    lane: LaneInfo,
    receivers: number,
  ) {
    this.name = name;
    this.#run = run;
    this.#processes = processes;
    this.#lane = lane;
    this.#receivers = receivers;
  }

  async measure(ratePerS: number, seconds: number, what = ''): Promise<StepResult> {
    const { burst, via } = this.#run.options;
    const part = { lanes: [this.#lane], ratePerS, burst, receivers: this.#receivers };
    const step = {
      name: `${what}${this.name}, ${ratePerS}/s`,
      parts: [part],
      via,
      seconds,
      perText: true,
      processes: this.#processes,
    };
    const result = await measureStep(this.#run, this.#steps++, step);
    this.problems.push(...result.problems);
    return result;
  }
}

/** The same users over TCP, at a server of their own and over processes of their own. */
class TcpCrowd extends Crowd implements AsyncDisposable {
  readonly #target: Target;
  readonly #fleet: Fleet;

  private constructor(run: Run, target: Target, lane: LaneInfo) {
    super('over TCP', run, target.processes, lane, run.options.connections);
    this.#target = target;
    this.#fleet = run.fleet;
  }

  static async open(run: Run): Promise<TcpCrowd | undefined> {
    const target = await openOverTcp(run);
    if (target === undefined) return undefined;
    const { workers, bytes, connections } = run.options;
    const options: Options = { ...run.options, wire: 'own' };
    const own: Run = { ...run, target, fleet: new Fleet(workers), options };
    await openLoad(own, 'own', target.routeUrl, bytes);
    const users = await registerUsers(own, connections);
    const { failed, problem } = await connectUsers(own, users, { lobby: true });
    const [sender] = users;
    if (failed > 0 || sender === undefined) throw new Error(`${failed} users could not log in: ${problem}`);
    return new TcpCrowd(own, target, { lane: 0, from: 0, fromUserId: sender.userId, to: 0, toUserId: 0 });
  }

  asFloor(result: StepResult): Floor {
    return tcpFloor(
      stepFigures(result, 'delivery').filter(({ name }) => !name.startsWith('load ')),
      this.problems,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fleet.end();
    await this.#target[Symbol.asyncDispose]();
  }
}

/**
 * Members connected to a bare server, which writes frames of the same length at the same rate. They have
 * their own processes, since the members at our server keep their connections.
 */
class BareCrowd extends Crowd implements AsyncDisposable {
  readonly #server: FloorServer;
  readonly #fleet: Fleet;

  private constructor(run: Run, server: FloorServer) {
    const lane = { lane: BARE_LANES, from: 0, fromUserId: 0, to: 0, toUserId: 0 };
    super('bare server', run, server.processes, lane, run.options.connections);
    this.#server = server;
    this.#fleet = run.fleet;
  }

  static async open(run: Run): Promise<BareCrowd> {
    const { workers, connections, bytes } = run.options;
    const server = await FloorServer.start({ mode: 'broadcast' });
    const own: Run = { ...run, fleet: new Fleet(workers), options: { ...run.options, via: 'tcp' } };
    await openLoad(own, 'bare', server.routeUrl, bytes + wrapping(bytes));
    await connectBare(own, server, range(0, connections));
    return new BareCrowd(own, server);
  }

  asFloor(result: StepResult): Floor {
    const figures = stepFigures(result, 'delivery').filter(({ name }) => !name.startsWith('load '));
    return bareFloor(figures, this.problems);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fleet.end();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** By how many bytes the frame that delivers a text is longer than the frame that sent it. */
function wrapping(bytes: number): number {
  const text = payloadText({ step: 1, lane: 1, number: 1, atUs: 1 }, bytes);
  const content = cim.Content.encode({ texts: [text] }).finish();
  const producer = 'p'.repeat(24);
  const send = encodeFrame(cim.Frame, { send: { group: LOBBY, producer, counter: 1_000, content } });
  const entry = {
    seq: 1_000,
    prev: `1784620800000:${producer}:999`,
    storedAt: 1_784_620_800_000,
    sender: 1_784_620_800_000,
    senderName: 'b0123456789-0',
    producer,
    counter: 1_000,
    content,
  };
  return encodeFrame(cim.Frame, { deliver: { group: LOBBY, entries: [entry] } }).length - send.length;
}
