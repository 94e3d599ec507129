import { createInterface, type Interface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { cleanLine } from '@cim/terminal-text';
import { askPassword } from './ask-password.ts';
import { COMMAND_NAMES } from '../commands/table.ts';
import { OPTION_NAMES } from '../options/options.ts';
import { LOBBY_CONVERSATION, type Screen, type ScreenInput } from './screen.ts';
import { Suspension } from './suspend.ts';

/** Names that Tab shows at most. */
const COMPLETIONS = 100;

/** What readline has and its types call read-only or do not show. */
interface Editing {
  line: string;
  cursor: number;
  prevRows: number;
  history: readonly string[];
}

/**
 * A terminal: what comes in is printed above the line being typed, which stays as it is.
 * A typed line is taken off the screen when it is entered; whoever handles it prints it again.
 */
export class TerminalScreen implements Screen {
  readonly interactive = true;
  readonly full = false;
  here = LOBBY_CONVERSATION;
  names: () => readonly string[] = () => [];
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  /** Of the user. */
  readonly #name: string;
  #readline: Interface | undefined;
  /** Lines of this turn: a burst is drawn once. */
  #waiting: string[] = [];
  #drawing: NodeJS.Immediate | undefined;
  #closed = false;
  #prompt: string;
  #inputTo: ScreenInput | undefined;
  /** A secret is asked for: what is to be printed waits. */
  #asking = false;

  constructor(input: ReadStream, output: WriteStream, name: string) {
    this.#input = input;
    this.#output = output;
    this.#name = name;
    this.#prompt = `${name}> `;
  }

  go(conversation: string, title: string): void {
    this.here = conversation;
    const to = conversation === LOBBY_CONVERSATION ? '' : ` -> ${cleanLine(title)}`;
    this.#prompt = `${this.#name}${to}> `;
    this.#readline?.setPrompt(this.#prompt);
    this.#readline?.prompt(true);
  }

  learn(): void {
    // It has no areas.
  }

  status(): void {
    // Notices tell it.
  }

  print(lines: readonly string[]): void {
    for (const line of lines) this.#waiting.push(line);
    this.#drawing ??= setImmediate(() => this.#draw());
  }

  flush(): void {
    this.#draw();
  }

  async askSecret(question: string): Promise<string | undefined> {
    const before = this.#readline;
    const input = this.#inputTo;
    if (before === undefined || input === undefined) return undefined;
    this.#output.write(this.#upTo(before, ''));
    this.#readline = undefined;
    this.#asking = true;
    const { line } = before;
    before.close();
    try {
      return await askPassword(question, this.#input, this.#output);
    } catch {
      return undefined;
    } finally {
      this.#asking = false;
      if (!this.#closed) {
        this.#open(input, (before as unknown as Editing).history).write(line);
        this.#draw();
      }
    }
  }

  start(input: ScreenInput): void {
    this.#draw();
    this.#inputTo = input;
    this.#open(input, []);
  }

  #open(input: ScreenInput, history: readonly string[]): Interface {
    const readline = createInterface({
      input: this.#input,
      output: this.#output,
      prompt: this.#prompt,
      historySize: 200,
      history: [...history],
      removeHistoryDuplicates: true,
      completer: (line: string) => this.#complete(line),
    });
    // Node 20 puts text that is pasted into the middle of a line in the wrong place while this is false.
    Object.defineProperty(readline, 'isCompletionEnabled', { get: () => true, set: () => undefined });
    this.#readline = readline;
    readline.on('line', (line) => {
      this.#takeOff(readline, line);
      readline.prompt();
      void input.onLine(line);
    });
    readline.on('SIGINT', () => input.onInterrupt());
    const suspension = new Suspension(this.#input, {
      redraw: () => {
        (readline as unknown as Editing).prevRows = 0;
        readline.prompt(true);
      },
    });
    readline.on('SIGTSTP', () => suspension.suspend());
    readline.on('close', () => {
      suspension.stop();
      if (!this.#closed && !this.#asking) input.onEnd();
    });
    // The window was closed: there is no terminal to give back.
    readline.on('error', () => {
      this.#closed = true;
      input.onGone();
    });
    readline.prompt();
    return readline;
  }

  close(): void {
    if (this.#closed) return;
    this.#draw();
    this.#closed = true;
    const readline = this.#readline;
    if (readline === undefined) return;
    this.#output.write(this.#upTo(readline, ''));
    readline.close();
  }

  #draw(): void {
    clearImmediate(this.#drawing);
    this.#drawing = undefined;
    if (this.#waiting.length === 0 || (this.#asking && !this.#closed)) return;
    const text = `${this.#waiting.join('\n')}\n`;
    this.#waiting = [];
    const readline = this.#readline;
    if (readline === undefined || this.#closed) {
      this.#output.write(text);
      return;
    }
    this.#output.write(this.#upTo(readline, text));
    (readline as unknown as Editing).prevRows = 0;
    readline.prompt(true);
  }

  /** Goes to the beginning of the line being typed, clears it and all below, and writes. */
  #upTo(readline: Interface, text: string): string {
    return `${up(readline.getCursorPos().rows)}\r\u001b[J${text}`;
  }

  #takeOff(readline: Interface, line: string): void {
    // How many rows it took only readline knows, and only of the line it is editing.
    const editing = readline as unknown as Editing;
    editing.line = line;
    editing.cursor = line.length;
    const { rows } = readline.getCursorPos();
    editing.line = '';
    editing.cursor = 0;
    this.#output.write(`${up(rows + 1)}\r\u001b[J`);
  }

  #complete(line: string): [string[], string] {
    const all = line.startsWith(':set ')
      ? OPTION_NAMES.map((name) => `:set ${name} `)
      : line.startsWith(':')
        ? COMMAND_NAMES
        : this.names().map((name) => `${name};;`);
    const lower = line.toLowerCase();
    const fits = line === '' ? [] : all.filter((one) => one.toLowerCase().startsWith(lower));
    return [fits.slice(0, COMPLETIONS), line];
  }
}

const up = (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : '');
