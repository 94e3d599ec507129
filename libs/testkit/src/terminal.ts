import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A real terminal (tmux) with one program in it. A test presses keys and reads the screen. */
export class Terminal {
  /** Folder of the socket of this terminal's own tmux server. */
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts a program. Its screen stays readable after its end. */
  static async start(command: readonly string[], options: TerminalOptions = {}): Promise<Terminal> {
    const { columns = 80, rows = 24, cwd = process.cwd(), env = {} } = options;
    const terminal = new Terminal(await mkdtemp(join(tmpdir(), 'cim-terminal-')));
    const assignments = Object.entries(env).map(([name, value]) => quote(`${name}=${value}`));
    const line = ['env', ...assignments, ...command.map(quote)].join(' ');
    // The exit code is printed after the program, so that a test can read it on the screen.
    const script = `${line}; echo "[exit $?]"; exec sleep 600`;
    const size = ['-x', String(columns), '-y', String(rows)];
    const session = ['new-session', '-d', ...size, '-c', cwd, 'sh', '-c', script];
    await terminal.#tmux('-f', '/dev/null', ...session);
    return terminal;
  }

  /** Types text; `press` presses Enter. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', '--', text);
  }

  /** Keys by tmux's names: Enter, Left, Home, BSpace, Tab, C-c ... */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** Pastes text, as a terminal does for a program that asks to be told (bracketed paste). */
  async paste(text: string): Promise<void> {
    await this.#tmux('set-buffer', '--', text);
    await this.#tmux('paste-buffer', '-p', '-r');
  }

  async enter(text: string): Promise<void> {
    await this.type(text);
    await this.press('Enter');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The visible screen, without blank lines at the end. `history`: also the lines that have scrolled away. */
  async screen(history = false): Promise<string> {
    const { stdout } = await this.#tmux('capture-pane', '-p', ...(history ? ['-S', '-'] : []));
    return stdout.trimEnd();
  }

  /** The visible screen with colours (SGR). */
  async screenInColours(): Promise<string> {
    const { stdout } = await this.#tmux('capture-pane', '-p', '-e', '-N');
    return stdout.replace(/\n$/, '');
  }

  /** Column and row of the cursor, from 0. */
  async cursor(): Promise<{ column: number; row: number }> {
    const { stdout } = await this.#tmux('display-message', '-p', '#{cursor_x} #{cursor_y}');
    const [column = 0, row = 0] = stdout.trim().split(' ').map(Number);
    return { column, row };
  }

  /** Waits until the screen, with the lines that have scrolled away, is as wanted. Answers it. */
  async until(wanted: string | RegExp | ((screen: string) => boolean), timeoutMs = 45_000): Promise<string> {
    const holds =
      typeof wanted === 'function'
        ? wanted
        : (screen: string) => (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen));
    const end = Date.now() + timeoutMs;
    for (;;) {
      const screen = await this.screen(true);
      if (holds(screen)) return screen;
      if (Date.now() > end) throw new Error(`not seen within ${timeoutMs} ms: ${String(wanted)}\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  async stop(): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }

  #tmux(...args: readonly string[]): Promise<{ stdout: string }> {
    return run('tmux', ['-u', '-S', join(this.#folder, 'tmux'), ...args], {
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
