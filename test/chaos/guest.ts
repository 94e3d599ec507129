/** Somebody whose program is a process of its own, killed and started again on the same state. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs, until } from '@cim/testkit';
import type { Journal, JournalEntry } from './journal.ts';

const PROGRAM = fileURLToPath(new URL('guest-program.ts', import.meta.url));

type Line =
  | {
      readonly texts: readonly string[];
      readonly id: string;
      readonly from: string;
      readonly stream: 'inbox' | 'lobby';
    }
  | { readonly userId: number }
  | { readonly closed: string };

export class Guest implements AsyncDisposable {
  readonly name: string;
  readonly entries: JournalEntry[] = [];
  readonly unanswered = 0;
  /** Shown when the program died, and shown to the next one, which knows them by their ids. */
  again = 0;
  ended: string | undefined;
  id = 0;
  readonly #routeUrl: string;
  readonly #path: string;
  readonly #of = { earlier: new Set<string>(), now: new Set<string>() };
  #child: ChildProcess | undefined;
  /** Of the child: it has ended, and its last line is read. */
  #closed: Promise<unknown> | undefined;
  #ready = false;

  constructor(name: string, routeUrl: string, path: string) {
    this.name = name;
    this.#routeUrl = routeUrl;
    this.#path = path;
  }

  get journal(): Journal {
    return { person: this.name, stayed: true, entries: this.entries };
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

  /** -9: what it had not saved is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    // Its last lines are read before the next program's first.
    child.kill('SIGKILL');
    await this.#closed;
    for (const id of this.#of.now) this.#of.earlier.add(id);
    this.#of.now.clear();
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
    else {
      const id = `${line.stream} ${JSON.stringify(line.id)}`;
      const wasShown = this.#of.earlier.delete(id);
      this.#of.now.add(id);
      if (wasShown) this.again++;
      else
        for (const text of line.texts)
          this.entries.push({ did: 'shown', text, from: line.from, stream: line.stream });
    }
  }
}
