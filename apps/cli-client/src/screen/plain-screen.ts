import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { CimError } from '@cim/protocol';
import { LOBBY_CONVERSATION, type Screen, type ScreenInput } from './screen.ts';

/** Lines in, lines out: pipes, files, dumb terminals. No prompt, nothing drawn. */
export class PlainScreen implements Screen {
  readonly interactive = false;
  readonly full = false;
  here = LOBBY_CONVERSATION;
  names: () => readonly string[] = () => [];
  readonly #input: Readable;
  readonly #output: Writable;
  #closed = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  go(conversation: string): void {
    this.here = conversation;
  }

  learn(): void {
    // It has no areas.
  }

  status(): void {
    // Notices tell it.
  }

  print(lines: readonly string[]): void {
    if (lines.length > 0) this.#output.write(`${lines.join('\n')}\n`);
  }

  flush(): void {
    // Node writes to pipes and files at once.
  }

  askSecret(): Promise<never> {
    const why = 'passwords are asked for in a terminal, which shows nothing of them; this is none';
    return Promise.reject(new CimError('invalid', why));
  }

  start(input: ScreenInput): void {
    void this.#read(input);
  }

  close(): void {
    this.#closed = true;
    this.#input.destroy();
  }

  async #read(input: ScreenInput): Promise<void> {
    try {
      for await (const line of createInterface({ input: this.#input, terminal: false })) {
        if (this.#closed) return;
        await input.onLine(line);
      }
    } catch {
      // Input that breaks has ended.
    }
    if (!this.#closed) input.onEnd();
  }
}
