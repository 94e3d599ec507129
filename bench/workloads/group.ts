/** Texts to the group that everybody is in: one text, as many deliveries as there are connections. */
import { cim, encodeFrame, LOBBY } from '@cim/protocol';
import { findRate } from '../find-rate.ts';
import { FloorServer } from '../floor/floor.ts';
import { payloadText } from '../load/payload.ts';
import { bareFloor, type Floor } from '../report.ts';
import {
  connectBare,
  connectUsers,
  disconnectAll,
  openLoad,
  range,
  registerUsers,
  type Run,
} from '../run.ts';
import { measureStep, type StepResult, stepFigures } from '../sending.ts';
import type { Outcome } from './outcome.ts';
import { BARE_LANES } from './p2p.ts';

export async function group(run: Run): Promise<Outcome> {
  const { options, target } = run;
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, options.connections);
  const { failed, problem } = await connectUsers(run, users, { lobby: true });
  if (failed > 0) throw new Error(`${failed} users could not log in: ${problem}`);
  const [sender] = users;
  if (sender === undefined) throw new Error('a group needs users');
  const lanes = [{ lane: 0, from: 0, fromUserId: sender.userId, to: 0, toUserId: 0 }];
  // On CIM's wire a sender does not get its own.
  const receivers = options.wire === 'own' ? users.length : users.length - 1;
  const problems: string[] = [];
  let number = 1;
  const measure = async (name: string, ratePerS: number, seconds: number): Promise<StepResult> => {
    const part = { lanes, ratePerS, burst: options.burst, receivers };
    const step = { name, parts: [part], via: options.via, seconds, processes: target.processes };
    const result = await measureStep(run, number++, step);
    problems.push(...result.problems);
    return result;
  };
  if (options.warmup > 0) await measure('warm-up', options.rate, options.warmup);
  const found = options.findRate
    ? await findRate(run, (rate) => measure(`${rate}/s`, rate, options.seconds))
    : undefined;
  const ratePerS = found?.ratePerS ?? options.rate;
  const result = found?.best ?? (await measure('group', ratePerS, options.seconds));
  await disconnectAll(run);
  return {
    load: `${ratePerS} texts/s of ${options.bytes} bytes, ${options.burst} at a time, to ${receivers} users of ${options.wire} wire`,
    figures: [...(found?.figures ?? []), ...stepFigures(result, 'delivery')],
    floors: options.floor ? [await bareBroadcast(run, ratePerS)] : [],
    problems,
    measured: result.measured,
  };
}

/** As many frames of the same length at the same rate, written to as many connections by a server that does only that. */
async function bareBroadcast(run: Run, ratePerS: number): Promise<Floor> {
  const { options } = run;
  await using server = await FloorServer.start({ mode: 'broadcast' });
  await openLoad(run, 'bare', server.routeUrl, options.bytes + wrapping(options.bytes));
  await connectBare(run, server, range(0, options.connections));
  const lanes = [{ lane: BARE_LANES, from: 0, fromUserId: 0, to: 0, toUserId: 0 }];
  const seconds = Math.min(10, options.seconds);
  const step = {
    name: 'bare server',
    parts: [{ lanes, ratePerS, burst: options.burst, receivers: options.connections }],
    via: 'tcp' as const,
    seconds,
    processes: server.processes,
  };
  if (options.warmup > 0) await measureStep(run, 0xff00, { ...step, seconds: options.warmup });
  const result = await measureStep(run, 0xff01, step);
  await disconnectAll(run);
  const figures = stepFigures(result, 'delivery').filter(({ name }) => !name.startsWith('load '));
  return bareFloor(figures, result.problems);
}

/** By how many bytes a frame that delivers a text is longer than the one that sent it. */
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
