/** The internal port of the relay: health and metrics. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HostProblem, type Metrics, SECURITY_HEADERS } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { RunningRelay } from './compose.ts';

/** A request that has not arrived as a whole after this time is given up [ms]. */
const REQUEST_MS = 30_000;

export interface InternalServerParts {
  readonly store: Pick<Store, 'ping'>;
  readonly relay: Pick<RunningRelay, 'missing' | 'failing'>;
  readonly metrics: Metrics;
  readonly hostProblem: HostProblem;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export function createInternalServer(parts: InternalServerParts): Server {
  return createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    void pageOf(parts, request.url ?? '', request.headers.host).then(
      ({ status, type, text }) =>
        response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': type }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}

/** @throws {Error} with one line, when the port is taken */
export async function listen(server: Server, host: string, wanted: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `port ${wanted} on ${host} is in use; stop what listens there or choose another port (CIM_RELAY_PORT)`,
            )
          : error,
      ),
    );
    server.listen(wanted, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function pageOf(
  { store, relay, metrics, hostProblem }: InternalServerParts,
  url: string,
  host: string | undefined,
): Promise<Page> {
  const problem = hostProblem(host);
  if (problem !== undefined) return json(403, { problem });
  switch (url.split('?')[0]) {
    case '/healthz':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const away = await store.ping().then(
        () => [],
        (error: unknown) => [`store: ${error instanceof Error ? error.message : String(error)}`],
      );
      const missing = away.length > 0 ? away : relay.missing();
      // A failing receiver does not make the relay unready: its events wait.
      return json(missing.length === 0 ? 200 : 503, {
        ...{ ready: missing.length === 0, missing },
        webhooks: relay.failing(),
      });
    }
    case '/metrics':
      return { status: 200, type: metrics.contentType, text: await metrics.metrics() };
    default:
      return json(404, { problem: `there is no ${url} here` });
  }
}

const json = (status: number, body: object): Page => ({
  ...{ status, type: 'application/json; charset=utf-8' },
  text: JSON.stringify(body),
});
