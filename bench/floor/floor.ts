/** The bare server as a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type MeasuredProcess, PRELOAD_GC } from '../processes.ts';

export interface FloorMode {
  readonly mode: 'forward' | 'store' | 'broadcast' | 'hold' | 'push';
  /** URL of the Redis that stores the texts in the mode `store`. */
  readonly redis?: string;
  /** Number of texts that each connection gets at once, and the length of each in bytes. */
  readonly backlog?: number;
  readonly bytes?: number;
}

export class FloorServer implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly routeUrl: string;
  readonly processes: readonly MeasuredProcess[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: { readonly port: number; readonly httpPort: number }) {
    this.#child = child;
    this.port = ports.port;
    this.routeUrl = `http://127.0.0.1:${ports.httpPort}`;
    this.processes = [{ name: 'bare', pid: child.pid ?? 0, collects: true }];
  }

  static async start(mode: FloorMode): Promise<FloorServer> {
    const file = fileURLToPath(new URL('server.mjs', import.meta.url));
    const child = fork(file, [JSON.stringify(mode)], { execArgv: ['--import', PRELOAD_GC] });
    const ports = await new Promise<{ port: number; httpPort: number }>((resolve, reject) => {
      child.once('message', resolve as (message: unknown) => void);
      child.once('exit', (code) => reject(new Error(`the bare server ended with ${String(code)}`)));
    });
    return new FloorServer(child, ports);
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    return Promise.resolve();
  }
}
