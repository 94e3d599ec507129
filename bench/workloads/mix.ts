/** The load of a usual day: silent users, private texts, and now and then a text to everybody. */
import { connectUsers, disconnectAll, openLoad, registerUsers, type Run } from '../run.ts';
import { measureStep, type StepResult, stepFigures } from '../sending.ts';
import type { Outcome } from './outcome.ts';
import { bareForward, pair } from './p2p.ts';

export async function mix(run: Run): Promise<Outcome> {
  const { options, target } = run;
  const count = Math.max(options.connections, options.pairs * 2 + 1);
  await openLoad(run, options.wire, target.routeUrl, options.bytes);
  const users = await registerUsers(run, count);
  const { placed, failed, problem } = await connectUsers(run, users, { lobby: true });
  if (failed > 0) throw new Error(`${failed} users could not log in: ${problem}`);
  const lanes = pair(users.slice(0, options.pairs * 2), placed);
  const speaker = users[options.pairs * 2];
  if (speaker === undefined) throw new Error('a mix needs users');
  const toAll = { lane: lanes.length, from: speaker.index, fromUserId: speaker.userId, to: 0, toUserId: 0 };
  const receivers = options.wire !== 'cim' ? count : count - 1;
  const problems: string[] = [];
  const measure = async (number: number, name: string, seconds: number): Promise<StepResult> => {
    const result = await measureStep(run, number, {
      name,
      parts: [
        { lanes, ratePerS: options.rate, burst: 1, receivers: 1 },
        { lanes: [toAll], ratePerS: options.groupRate, burst: 1, receivers },
      ],
      via: options.via,
      seconds,
      processes: target.processes,
    });
    problems.push(...result.problems);
    return result;
  };
  if (options.warmup > 0) await measure(1, 'warm-up', options.warmup);
  const result = await measure(2, 'mix', options.seconds);
  await disconnectAll(run);
  return {
    load: `${count} users of ${options.wire} wire, ${options.rate} private texts/s and ${options.groupRate}/s to all`,
    figures: stepFigures(result, 'delivery'),
    floors: options.floor ? await bareForward(run, options.rate, 'delivery') : [],
    problems,
    measured: result.measured,
  };
}
