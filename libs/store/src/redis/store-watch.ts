/**
 * Checks every few seconds whether Redis keeps the promise and takes writes. It logs one line for each
 * change.
 */
import { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { StoreProblem } from '../store.ts';
import type { Fault } from './fault.ts';

/** Why the store cannot be used. */
export interface Problem {
  readonly kind: StoreProblem;
  /** The same key for the same problem, however its text varies. */
  readonly key: string;
  /** One line that says what is wrong and, where it is known, how to mend it. */
  readonly text: string;
}

export interface StoreWatchParts {
  /**
   * Finds a problem. Never throws. @param opening true until a check has found no problem for the first time
   */
  readonly check: (opening: boolean) => Promise<Problem | undefined>;
  readonly logger: Logger;
  /** Time between two checks [ms]; while a problem lasts it is shorter. */
  readonly everyMs: number;
}

/** Time between two checks while a problem lasts [ms], so that an operator who mends it need not wait. */
const TROUBLE_EVERY_MS = 1_000;
/** Time that a start gives the first connection to succeed or fail before the first check [ms]. */
const FIRST_MS = 2_000;

export class StoreWatch {
  /**
   * Resolves when a check finds no problem for the first time. Rejects when the promise cannot be kept or the
   * settings are wrong.
   */
  readonly opened: Promise<void>;
  readonly #parts: StoreWatchParts;
  readonly #open: () => void;
  readonly #refuse: (error: Error) => void;
  #opening = true;
  #problem: Problem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  /** Whether another check was requested during the present one. */
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
    // A caller that has stopped waiting must not cause an unhandled rejection.
    this.opened.catch(() => undefined);
    this.#open = open;
    this.#refuse = refuse;
  }

  /** Starts the checks. The first one comes when `look` is called, or after 2 s. */
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

  /** @throws {CimError} 4000: Redis would not keep a send that it takes now as promised */
  assertKept(): void {
    if (this.#opening) throw unusable(this.#problem?.text ?? 'it was not looked at yet');
    if (this.#problem?.kind === 'promise') throw new CimError('failure', this.#problem.text);
  }

  /** @throws {CimError} 4000 with the line that names the problem */
  assertReady(): void {
    this.assertKept();
    if (this.#problem !== undefined) throw unusable(this.#problem.text);
  }

  /** The problem that the last check found. */
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

/** Replies of a Cluster in which no server serves a slot, or another server than the map says. */
const SLOT_REPLIES: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'MOVED', 'ASK', 'TRYAGAIN']);

/** Describes a fault as a problem. @param of names the server, for people */
export function problemOf({ kind, code, text }: Fault, of: string): Problem {
  if (kind === 'settings') return { kind, key: code, text: `${of} cannot be used: ${text}` };
  if (kind === 'refusing') return { kind, key: code, text: `${of} refuses writes: ${text}` };
  // A reply has its own code as the key. A failed connection, or a Cluster without a master, has many texts
  // for one problem.
  const key = kind === 'away' ? kind : SLOT_REPLIES.has(code) ? 'slots' : code;
  return { kind: 'waiting', key, text: `${of} cannot serve: ${text}` };
}

const unusable = (reason: string): CimError => new CimError('failure', `the store cannot be used: ${reason}`);
