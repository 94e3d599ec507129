/** A process that makes load. It answers the calls that come over the channel to its parent. */
import { Clock } from '../clock.ts';
import type { Calls } from './calls.ts';
import { Load } from './load.ts';

interface Request {
  readonly id: number;
  readonly name: keyof Calls;
  readonly argument: never;
}

const load: Calls = new Load(new Clock());

process.on('message', ({ id, name, argument }: Request) => {
  const answer = load[name](argument) as Promise<unknown>;
  answer.then(
    (value) => process.send?.({ id, value }),
    (error: unknown) =>
      process.send?.({ id, problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches all processes of a terminal. The parent ends this one when it is done.
process.on('SIGINT', () => undefined);
