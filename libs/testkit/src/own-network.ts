import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { endWithUs } from './own-processes.ts';
import { until } from './until.ts';

const asRoot = process.getuid?.() === 0;

export interface OwnNetworkOptions {
  readonly cwd: string;
  /** The whole environment: nothing of the test's own is added. */
  readonly env: Readonly<Record<string, string>>;
  /** The program runs as this user and group, where the test may say so. */
  readonly uid?: number;
}

/**
 * A program in a network of its own, which has loopback and nothing else: it reaches no registry and no server, and every
 * port is free. Needs root, or user namespaces.
 */
export class OwnNetwork {
  readonly #child: ChildProcess;
  readonly #options: OwnNetworkOptions;
  #said = '';

  constructor(command: readonly string[], options: OwnNetworkOptions) {
    this.#options = options;
    const user = asRoot && options.uid !== undefined ? setpriv(options.uid) : [];
    const script = 'ip link set lo up && exec "$@"';
    this.#child = spawn('unshare', [asRoot ? '-n' : '-rn', 'sh', '-c', script, 'sh', ...user, ...command], {
      cwd: options.cwd,
      // `ip`, `sh` and `setpriv` are found by the path of the test.
      env: { ...options.env, PATH: `${options.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that the program has printed. */
  get said(): string {
    return this.#said;
  }

  /** Runs another program in the same network. Answers its exit code and what it printed. */
  run(command: readonly string[]): { readonly status: number; readonly text: string } {
    const enter = [
      '-t',
      String(this.#child.pid),
      ...(asRoot ? ['-n'] : ['-U', '--preserve-credentials', '-n']),
    ];
    try {
      const text = execFileSync('nsenter', [...enter, ...command], {
        cwd: this.#options.cwd,
        env: { ...this.#options.env, PATH: `${this.#options.env['PATH'] ?? ''}:/usr/bin:/bin` },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return { status: 0, text };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number | null; stdout: string; stderr: string };
      return { status: status ?? 1, text: `${stdout}${stderr}` };
    }
  }

  /** Resolves when a program in the same network ends well. */
  succeeds(command: readonly string[]): Promise<void> {
    return until(`${command.join(' ')} ends well`, () => {
      if (this.#child.exitCode !== null) throw new Error(`the program ended: ${this.#said}`);
      return this.run(command).status === 0;
    });
  }

  /** Ends the program. Answers its exit code; null when the signal killed it. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await closed;
    return child.exitCode;
  }
}

const setpriv = (uid: number): readonly string[] => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${uid}`,
  '--clear-groups',
];
