/**
 * One HTTP connection of a hostile client. It sends several requests, one after the other or at once. Each is
 * answered or cut off.
 */
import { connect } from 'node:net';
import { Dice } from './dice.ts';
import { type Credentials, Requests } from './http-requests.ts';
import type { Trace } from './life.ts';
import type { World } from './world.ts';

/** Time to wait after an incomplete request, which gets no answer [ms]. */
const SILENT_MS = 300;
/** Time to wait for the answer to a complete request [ms]. */
const ANSWER_MS = 20_000;
const MOST_REQUESTS = 60;

export interface HttpPort {
  readonly url: string;
  readonly operations: ConstructorParameters<typeof Requests>[2];
  readonly credentials: Credentials;
}

export interface HttpTarget {
  /** A port for each kind of caller. The first is the port for clients. */
  readonly ports: readonly HttpPort[];
  readonly world: World;
  /** Called when complete requests were neither answered nor cut off. */
  readonly onSilence: (requests: Buffer) => void;
  /** Called for each answer. */
  readonly onStatus: (status: number, request: Buffer, answer: string) => void;
}

/** Answers how many requests were answered or cut off. */
export async function httpLife(
  target: HttpTarget,
  life: number,
  seed: number,
  trace: Trace,
): Promise<number> {
  const dice = new Dice(seed);
  const [clients] = target.ports;
  const port = life % 4 === 0 ? dice.pick(target.ports) : clients;
  if (port === undefined) throw new Error('there is no port');
  const requests = new Requests(dice, target.world, port.operations, port.credentials);
  const { hostname, port: number } = new URL(port.url);
  const socket = connect({ host: hostname, port: Number(number), noDelay: true });
  const answers = new Answers();
  let ended = false;
  let wake: () => void = () => undefined;
  socket.on('data', (chunk: Buffer) => {
    answers.push(chunk);
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended = true;
    wake();
  });
  const hasEnded = (): boolean => ended;
  let done = 0;
  for (let left = dice.between(1, MOST_REQUESTS); left > 0 && !hasEnded(); ) {
    const together = dice.percent(85) ? 1 : dice.between(2, 8);
    const batch = Array.from({ length: together }, () => requests.next());
    trace.last = Buffer.concat(batch.map(({ bytes }) => bytes));
    left -= together;
    const due = answers.count + together;
    for (const { method } of batch) answers.expect(method);
    socket.write(trace.last);
    const areWhole = batch.every(({ whole }) => whole);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, areWhole ? ANSWER_MS : SILENT_MS);
      wake = () => {
        if (!ended && answers.count < due) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
    for (const { status, text } of answers.take()) target.onStatus(status, trace.last, text);
    done += together;
    if (areWhole && answers.count < due && !hasEnded()) target.onSilence(trace.last);
    // The rest of an incomplete request becomes part of the next one.
    if (!areWhole || answers.count < due) break;
  }
  socket.destroy();
  return done;
}

/** Reads answers as they come, in the order of their requests. */
class Answers {
  readonly #methods: string[] = [];
  readonly #found: { status: number; text: string }[] = [];
  #left = '';
  count = 0;

  expect(method: string): void {
    this.#methods.push(method);
  }

  push(chunk: Buffer): void {
    this.#left += chunk.toString('latin1');
    for (;;) {
      const end = this.#left.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = this.#left.slice(0, end);
      const status = Number(head.slice(9, 12));
      let at = end + 4;
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (this.#methods[0] === 'HEAD' || status === 304 || status === 204 || status === 100) at = end + 4;
      else if (length !== undefined) at += Number(length);
      else if (/\r\ntransfer-encoding: chunked/i.test(head)) {
        const last = this.#left.indexOf('\r\n0\r\n\r\n', end);
        if (last === -1) return;
        at = last + 7;
      }
      if (this.#left.length < at) return;
      const text = this.#left.slice(0, at);
      this.#left = this.#left.slice(at);
      if (status === 100) continue;
      this.#methods.shift();
      this.#found.push({ status, text });
      this.count++;
    }
  }

  take(): readonly { readonly status: number; readonly text: string }[] {
    return this.#found.splice(0);
  }
}
