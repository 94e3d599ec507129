/** The processes that make the load, as one object. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Histogram } from './histogram.ts';
import type { MeasuredProcess } from './processes.ts';
import type { Calls, ConnectAnswer, Counts, StepAnswer, TextArrival } from './load/calls.ts';

type Waiter = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

export class Worker {
  readonly #child: ChildProcess;
  /** Key: id of a call. Removed by its answer. */
  readonly #waiting = new Map<number, Waiter>();
  #calls = 0;
  /** Why the worker is gone. */
  #ended: Error | undefined;

  constructor() {
    const file = fileURLToPath(new URL('load/worker.ts', import.meta.url));
    const flags = ['--import', 'tsx', '--max-semi-space-size=64'];
    this.#child = fork(file, [], { execArgv: flags, serialization: 'advanced' });
    this.#child.on('message', (answer: { id: number; value?: unknown; problem?: string }) => {
      const waiter = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.problem !== undefined) waiter?.reject(new Error(answer.problem));
      else waiter?.resolve(answer.value);
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended = new Error(`a process of the load ended: ${signal ?? String(code)}`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<K extends keyof Calls>(name: K, ...[argument]: Parameters<Calls[K]>): ReturnType<Calls[K]> {
    const id = this.#calls++;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, argument });
    });
    return answer as ReturnType<Calls[K]>;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

export class Fleet {
  readonly workers: readonly Worker[];

  constructor(size: number) {
    this.workers = Array.from({ length: size }, () => new Worker());
  }

  get processes(): MeasuredProcess[] {
    return this.workers.map(({ pid }) => ({ name: 'load', pid, collects: false }));
  }

  /** The worker that holds the user with this index. */
  workerOf(index: number): Worker {
    const worker = this.workers[index % this.workers.length];
    if (worker === undefined) throw new Error('a fleet without workers');
    return worker;
  }

  /** Asks each worker for its share of the items. Answers all their answers. */
  async spread<T, R>(
    items: readonly T[],
    indexOf: (item: T) => number,
    ask: (worker: Worker, share: T[], number: number) => Promise<R>,
  ): Promise<R[]> {
    const shares = new Map<Worker, T[]>(this.workers.map((worker) => [worker, []]));
    for (const item of items) shares.get(this.workerOf(indexOf(item)))?.push(item);
    return Promise.all([...shares].map(([worker, share], number) => ask(worker, share, number)));
  }

  async counts(): Promise<Counts> {
    const all = await Promise.all(this.workers.map((worker) => worker.call('counts')));
    const sum = (of: (counts: Counts) => number): number => all.reduce((total, one) => total + of(one), 0);
    return {
      sent: {
        created: sum(({ sent }) => sent.created),
        stored: sum(({ sent }) => sent.stored),
        again: sum(({ sent }) => sent.again),
        failed: sum(({ sent }) => sent.failed),
      },
      arrived: sum(({ arrived }) => arrived),
      twice: sum(({ twice }) => twice),
      outOfOrder: sum(({ outOfOrder }) => outOfOrder),
      closed: sum(({ closed }) => closed),
      problem: all.map(({ problem }) => problem).find((problem) => problem !== '') ?? '',
    };
  }

  async measured(): Promise<Measured> {
    return mergeMeasured(await Promise.all(this.workers.map((worker) => worker.call('measured'))));
  }

  end(): void {
    for (const worker of this.workers) worker.end();
  }
}

export interface Measured {
  readonly arrival: Histogram;
  readonly receipt: Histogram;
  readonly lag: Histogram;
  /** Key: the second in which texts were due. */
  readonly perSecond: ReadonlyMap<number, Histogram>;
  /** From when a text was due until its last recipient had it [µs]; empty unless the step asked for it. */
  readonly toLast: Histogram;
  readonly lastArrivalUs: number;
}

/** Merges results. @param apartS seconds between their measurements */
export function mergeMeasured(parts: readonly (Measured | StepAnswer)[], apartS = 0): Measured {
  const [arrival, receipt, lag] = [new Histogram(), new Histogram(), new Histogram()];
  const perSecond = new Map<number, Histogram>();
  const toLast = new Histogram();
  const texts = new Map<string, TextArrival>();
  parts.forEach((part, number) => {
    arrival.add(part.arrival);
    receipt.add(part.receipt);
    lag.add(part.lag);
    for (const [second, of] of part.perSecond) {
      const at = second + number * apartS;
      const histogram = perSecond.get(at) ?? new Histogram();
      histogram.add(of);
      perSecond.set(at, histogram);
    }
    if ('toLast' in part) toLast.add(part.toLast);
    else
      for (const arrival of part.texts)
        if (arrival.lastUs > (texts.get(arrival.text)?.lastUs ?? 0)) texts.set(arrival.text, arrival);
  });
  for (const { atUs, lastUs } of texts.values()) toLast.record(lastUs - atUs);
  return {
    arrival,
    receipt,
    lag,
    perSecond,
    toLast,
    lastArrivalUs: Math.max(...parts.map((part) => part.lastArrivalUs)),
  };
}

export interface Connected {
  readonly placed: ReadonlyMap<number, string>;
  readonly latency: Histogram;
  readonly failed: number;
  readonly problem: string;
  readonly endUs: number;
}

export function mergeConnects(answers: readonly ConnectAnswer[]): Connected {
  const latency = new Histogram();
  for (const answer of answers) latency.add(answer.latency);
  return {
    placed: new Map(
      answers.flatMap(({ placed }) => placed.map(({ index, server }) => [index, server] as const)),
    ),
    latency,
    failed: answers.reduce((sum, { failed }) => sum + failed, 0),
    problem: answers.map(({ problem }) => problem).find((problem) => problem !== '') ?? '',
    endUs: Math.max(...answers.map(({ endUs }) => endUs)),
  };
}
