/** The wire of clients in a run: one choice for the whole process, made before the first world. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeClientOptions, webSocket } from '@cim/client/node';
import { TestAuthority, writeTlsFiles } from '@cim/testkit';

export const WIRES = ['tcp', 'tls', 'ws'] as const;
export type Wire = (typeof WIRES)[number];

/** Number of im-servers that a run may start one after the other, behind proxies with their own names. */
const PROXIED = 250;

interface Chosen {
  /** Environment of every server. */
  readonly env: Readonly<Record<string, string>>;
  /** Options of every client. */
  readonly client: Pick<NodeClientOptions, 'tls' | 'transport'>;
}

let chosen: Chosen = { env: {}, client: {} };

export const wireEnv = (): Chosen['env'] => chosen.env;
export const wireOptions = (): Chosen['client'] => chosen.client;

/** Servers take plain text beside TLS for the harness itself. Clients go where the route says, which is TLS. */
export function chooseWire(wire: Wire): void {
  if (wire === 'ws') chosen = { env: {}, client: { transport: webSocket() } };
  if (wire !== 'tls') return;
  const authority = new TestAuthority();
  const names = Array.from({ length: PROXIED }, (_, i) => `127.0.3.${i + 1}`);
  const pair = authority.issue({ names: ['localhost', '127.0.0.1', ...names] });
  const { env } = writeTlsFiles(mkdtempSync(join(tmpdir(), 'cim-chaos-tls-')), authority, pair);
  chosen = { env: { ...env, CIM_INSECURE: 'true' }, client: { tls: { ca: authority.cert } } };
  // For clients that are programs of their own.
  process.env['NODE_EXTRA_CA_CERTS'] = env.CIM_TLS_CA;
}

/** Uses another wire for a while. */
export async function withWire<T>(wire: Wire, run: () => Promise<T>): Promise<T> {
  const before = chosen;
  chooseWire(wire);
  try {
    return await run();
  } finally {
    chosen = before;
    delete process.env['NODE_EXTRA_CA_CERTS'];
  }
}
