/** Asks every few seconds whether Redis keeps the promise and takes our writes. Logs one line for each change. */
import { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { StoreProblem } from '../store.ts';
import type { Fault } from './fault.ts';

/** What is in the way. */
export interface Problem {
  readonly kind: StoreProblem;
  /** The same for the same problem, however its text varies. */
  readonly key: string;
  /** One line that says what is wrong and, where it is known, what mends it. */
  readonly text: string;
}

export interface StoreWatchParts {
  /** Never throws. `opening` until nothing was found wrong for the first time. */
  readonly check: (opening: boolean) => Promise<Problem | undefined>;
  readonly logger: Logger;
  /** Time between two checks [ms]; shorter while something is wrong. */
  readonly everyMs: number;
}

/** Between two checks while something is wrong [ms]: an operator who mends it should not wait. */
const TROUBLE_EVERY_MS = 1_000;
/** Time that a start gives the first connection to come about or fail, before it asks [ms]. */
const FIRST_MS = 2_000;

export class StoreWatch {
  /** Resolves when nothing is wrong for the first time; rejects when the promise or the settings are. */
  readonly opened: Promise<void>;
  readonly #parts: StoreWatchParts;
  readonly #open: () => void;
  readonly #refuse: (error: Error) => void;
  #opening = true;
  #problem: Problem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  /** A check was asked for while one was under way. */
  #again = false;
  #stopped = false;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
    let open: () => void = () => undefined;
    let refuse: (error: Error) => void = () => undefined;
    this.opened = new Promise((resolve, reject) => {
      open = resolve;
      refuse = reject;
    });
    // A caller who has stopped waiting is told of nothing.
    this.opened.catch(() => undefined);
    this.#open = open;
    this.#refuse = refuse;
  }

  /** Checks from now on: first when somebody calls `look`, or after 2 s. */
  start(): void {
    this.#plan(FIRST_MS);
  }

  /** Checks now. Never throws. */
  look(): void {
    if (this.#stopped) return;
    if (this.#checking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#checking = true;
    void this.#check();
  }

  /** @throws {CimError} 4000: a send that Redis takes now would not be kept as promised */
  assertKept(): void {
    if (this.#opening) throw unusable(this.#problem?.text ?? 'it was not looked at yet');
    if (this.#problem?.kind === 'promise') throw new CimError('failure', this.#problem.text);
  }

  /** @throws {CimError} 4000 with the line that names what is wrong */
  assertReady(): void {
    this.assertKept();
    if (this.#problem !== undefined) throw unusable(this.#problem.text);
  }

  /** What is wrong, as it was found last. */
  get problem(): StoreProblem | undefined {
    return this.#problem?.kind ?? (this.#opening ? 'waiting' : undefined);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    const { check, everyMs } = this.#parts;
    const problem = await check(this.#opening);
    this.#checking = false;
    if (this.#stopped) return;
    if (this.#opening && (problem?.kind === 'settings' || problem?.kind === 'promise')) {
      this.#stopped = true;
      this.#refuse(new Error(problem.text));
      return;
    }
    this.#note(problem);
    const afterMs = problem === undefined ? everyMs : Math.min(everyMs, TROUBLE_EVERY_MS);
    this.#plan(this.#again ? 0 : afterMs);
    this.#again = false;
  }

  #plan(afterMs: number): void {
    this.#timer = setTimeout(() => this.look(), afterMs);
    this.#timer.unref();
  }

  #note(problem: Problem | undefined): void {
    const { logger } = this.#parts;
    const before = this.#problem;
    this.#problem = problem;
    if (problem === undefined && this.#opening) {
      this.#opening = false;
      this.#open();
    }
    if (problem?.key === before?.key) return;
    if (problem === undefined) logger.info('store.ready-again');
    else if (problem.kind === 'waiting') logger.warn({ problem: problem.text }, 'store.not-ready');
    else if (problem.kind === 'promise') logger.error({ problem: problem.text }, 'store.promise-broken');
    else logger.error({ problem: problem.text }, 'store.not-ready');
  }
}

/** Of a Cluster in which no server serves a slot, or another one than its map says. */
const SLOT_REPLIES: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'MOVED', 'ASK', 'TRYAGAIN']);

/** @param of names the server, for people */
export function problemOf({ kind, code, text }: Fault, of: string): Problem {
  if (kind === 'settings') return { kind, key: code, text: `${of} cannot be used: ${text}` };
  if (kind === 'refusing') return { kind, key: code, text: `${of} refuses writes: ${text}` };
  // A reply names itself; a connection, and a Cluster without a master, fail in many words for one reason.
  const key = kind === 'away' ? kind : SLOT_REPLIES.has(code) ? 'slots' : code;
  return { kind: 'waiting', key, text: `${of} cannot serve: ${text}` };
}

const unusable = (reason: string): CimError => new CimError('failure', `the store cannot be used: ${reason}`);
