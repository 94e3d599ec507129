import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithUs } from './own-processes.ts';
import { upOrDown } from './parts.ts';
import { until } from './until.ts';

/** A real nginx or HAProxy with an example of `deploy/`, in which only paths and addresses are changed. */
export class ProxyProcess implements AsyncDisposable {
  readonly ports: readonly number[];
  /** The certificate that it shows, for localhost, which is its own authority (PEM). */
  readonly ca: string;
  readonly #dir: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(dir: string, command: readonly string[], ports: readonly number[], ca: string) {
    this.#dir = dir;
    this.#command = command;
    this.ports = ports;
    this.ca = ca;
  }

  /**
   * @param example file in `deploy/`
   * @param ports that it listens on
   * @param changes key: a text of the example, which must be there. Value: its replacement, in which `$dir`
   * is a temporary folder with `cert.pem`, `cert.key` and `both.pem`
   */
  static async start(
    kind: 'nginx' | 'haproxy',
    example: string,
    ports: readonly number[],
    changes: readonly (readonly [from: string, to: string])[],
  ): Promise<ProxyProcess> {
    const dir = await mkdtemp(join(tmpdir(), `cim-${kind}-`));
    const [key, cert] = [join(dir, 'cert.key'), join(dir, 'cert.pem')];
    const ca = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', [...ca, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' });
    await writeFile(join(dir, 'both.pem'), (await readFile(cert, 'utf8')) + (await readFile(key, 'utf8')));
    let text = await readFile(example, 'utf8');
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`${example} does not say "${from}"`);
      text = text.replaceAll(from, to.replaceAll('$dir', dir));
    }
    const file = join(dir, 'config');
    await writeFile(file, text);
    const command =
      kind === 'nginx' ? ['nginx', '-c', file, '-g', 'daemon off;'] : ['haproxy', '-f', file, '-db'];
    const proxy = new ProxyProcess(dir, command, ports, await readFile(cert, 'utf8'));
    return upOrDown(proxy, proxy.start());
  }

  /** Starts it again after `stop`. */
  async start(): Promise<void> {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    endWithUs(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    this.#child = child;
    await until(`${program} listens`, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${this.#said}`);
      const open = await Promise.all(this.ports.map(accepts));
      return open.every((is) => is);
    });
  }

  /** Ends it at once with all connections, like a crash or a hurried restart. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
