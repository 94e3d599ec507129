/** The attacked server, with default limits, and the figures that can be read from it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerProcess, TestAuthority, writeTlsFiles } from '@cim/testkit';

/** So few that a single address reaches the limits of strangers. */
const OPEN_FILES = 8_000;

export class Target implements AsyncDisposable {
  readonly server: ServerProcess;
  /** Certificate of the authority that clients trust. */
  readonly ca: string;
  readonly #dir: string;

  private constructor(server: ServerProcess, ca: string, dir: string) {
    this.server = server;
    this.ca = ca;
    this.#dir = dir;
  }

  /** @param secured TLS with plain text beside it, so that each door can be attacked in both forms */
  static async start(secured: boolean): Promise<Target> {
    const dir = mkdtempSync(join(tmpdir(), 'cim-attacked-'));
    const authority = new TestAuthority();
    const server = await ServerProcess.start(
      'standalone',
      {
        ...(secured && { ...writeTlsFiles(dir, authority).env, CIM_INSECURE: 'true' }),
        CIM_DATA_DIR: join(dir, 'data'),
        // Without this, loopback has no limit by address.
        CIM_ALLOW_LIST: 'none',
        CIM_SESSION_POLICY: 'devices',
      },
      undefined,
      OPEN_FILES,
    );
    return new Target(server, authority.cert, dir);
  }

  get routeUrl(): string {
    return this.server.routeUrl;
  }

  /** Key: value of one label. Value: sum of a metric. */
  async metric(name: string, label: string): Promise<ReadonlyMap<string, number>> {
    const page = await (await fetch(this.#plain(this.server.routeInternalUrl, '/metrics'))).text();
    const sums = new Map<string, number>();
    const line = new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm');
    for (const [, labels = '', figure] of page.matchAll(line)) {
      const value = new RegExp(`${label}="([^"]*)"`).exec(labels)?.[1] ?? '';
      sums.set(value, (sums.get(value) ?? 0) + Number(figure));
    }
    return sums;
  }

  /** Number of connections at the public port, in all states. */
  async connections(): Promise<number> {
    return [...(await this.metric('cim_connections', 'state')).values()].reduce((sum, n) => sum + n, 0);
  }

  #plain(url: string, path: string): string {
    return `${url.replace('https:', 'http:')}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.server.end('SIGTERM');
    } finally {
      rmSync(this.#dir, { recursive: true, force: true });
    }
  }
}
