/**
 * A device whose program is a process of its own, killed and started again on the same state. It only
 * listens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs, until } from '@cim/testkit';
import { Again } from './again.ts';
import type { Journal, JournalEntry } from './journal.ts';

const PROGRAM = fileURLToPath(new URL('guest-program.ts', import.meta.url));

type Line =
  | {
      readonly texts: readonly string[];
      readonly id: string;
      readonly from: string;
      /** Absent for a private message. */
      readonly group?: string;
      readonly conversation: string;
    }
  | { readonly userId: number }
  | { readonly closed: string };

export class Guest implements AsyncDisposable {
  readonly name: string;
  readonly device: string;
  readonly entries: JournalEntry[] = [];
  readonly unanswered = 0;
  readonly again = new Again();
  ended: string | undefined;
  id = 0;
  readonly #routeUrl: string;
  readonly #path: string;
  readonly #lanes: ReadonlyMap<string, string>;
  #child: ChildProcess | undefined;
  /** Resolves when the child has ended and its last line is read. */
  #closed: Promise<unknown> | undefined;
  #ready = false;

  /**
   * @param whose name of the person and of this device
   * @param lanes see `Lanes`
   * @param path of its state
   */
  constructor(
    whose: { readonly name: string; readonly device: string },
    routeUrl: string,
    lanes: ReadonlyMap<string, string>,
    path: string,
  ) {
    this.name = whose.name;
    this.device = whose.device;
    this.#routeUrl = routeUrl;
    this.#lanes = lanes;
    this.#path = path;
  }

  get journal(): Journal {
    return { person: this.name, device: this.device, stayed: true, entries: this.entries };
  }

  forget(): void {
    this.entries.length = 0;
  }

  /** Resolves when it is connected. */
  async start(): Promise<void> {
    this.#ready = false;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', PROGRAM, this.name, this.#routeUrl, this.#path],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    endWithUs(child);
    this.#child = child;
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(JSON.parse(line) as Line));
    await until(`${this.name} is connected`, () => this.#ready, 60_000);
  }

  /** Kills it with -9: unsaved data is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    // The last lines of this program are read before the first of the next one.
    child.kill('SIGKILL');
    await this.#closed;
    this.again.restarted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#path, { force: true });
    await rm(`${this.#path}.sends`, { force: true });
    await rm(`${this.#path}.processed`, { force: true });
    await rm(`${this.#path}.lock`, { force: true });
  }

  #take(line: Line): void {
    if ('userId' in line) {
      this.id = line.userId;
      this.#ready = true;
    } else if ('closed' in line) this.ended = line.closed;
    else if (!this.again.isAgain(line.conversation, line.id)) {
      const stream = line.group === undefined ? 'inbox' : this.#laneOf(`g${line.group}`);
      const conversation = this.#laneOf(line.conversation);
      for (const text of line.texts)
        this.entries.push({ did: 'shown', text, from: line.from, stream, conversation });
    }
  }

  #laneOf(conversation: string): string {
    return this.#lanes.get(conversation) ?? conversation;
  }
}
