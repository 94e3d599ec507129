import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Logger } from './logger.ts';
import { RareWarning } from './rare-warning.ts';

/** Smallest limit that a server starts with. It has about 190 files open when its program is loaded. */
const NEEDED = 256;
/** Files that a server opens itself: listeners, connections to stores and to other servers, files. */
const RESERVED = 128;
/** Stands for "no limit". */
const MOST = 1_000_000;
const HOW_TO_RAISE =
  'raise the limit: ulimit -n 65536 in the shell, LimitNOFILE=65536 in systemd, --ulimit nofile=65536 in Docker';

/** How many files and connections the system lets this process have open at once. */
export function openFilesLimit(): number {
  const { report } = process as { report: { excludeNetwork?: boolean; getReport(): object } };
  // Otherwise the report looks up a name for each address, which takes long.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as {
    userLimits?: { open_files?: { soft: number | 'unlimited' } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}

/** Checks the limit before a server starts. @throws {Error} one line: the limit is too low */
export function requireOpenFiles(limit = openFilesLimit()): void {
  if (limit >= NEEDED) return;
  throw new Error(
    `the system allows this process ${limit} open files; it needs ${NEEDED}, and 1 more for each connection above ${NEEDED - RESERVED}: ${HOW_TO_RAISE}`,
  );
}

/**
 * How many connections this process can hold, less a reserve for its own files.
 * @param forStore share of the limit that a store in this process may use, 0 to 1
 */
const connectionsAllowed = (forStore = 0, limit = openFilesLimit()): number =>
  Math.max(1, Math.floor(Math.min(limit, MOST) * (1 - forStore)) - RESERVED);

/** The connections that all servers of this process together have accepted. */
export interface OpenConnections {
  readonly atMost: number;
  /** In use of these, 0 to 1. */
  readonly share: number;
  /** Calls back with each connection that comes or goes. */
  onShare(changed: (share: number) => void): void;
  stop(): void;
}

/**
 * Closes each accepted connection above the limit of open files, less a reserve, for all servers of this
 * process together. Without it the system would refuse them silently, and the store could not open its files.
 * @param forStore share of the limit that a store in this process may use, 0 to 1
 */
export function limitConnections(logger: Logger, forStore = 0, limit = openFilesLimit()): OpenConnections {
  const atMost = connectionsAllowed(forStore, limit);
  const refused = new RareWarning(logger, 'connection.refused');
  const listeners: ((share: number) => void)[] = [];
  let open = 0;
  const count = (by: 1 | -1): void => {
    open += by;
    for (const changed of listeners) changed(open / atMost);
  };
  const onClose = (): void => count(-1);
  const onSocket = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    // The server that accepted it has closed it already.
    if (socket.destroyed) return;
    socket.once('close', onClose);
    count(1);
    if (open <= atMost) return;
    refused.due({ connections: atMost, openFiles: limit, why: `too few open files; ${HOW_TO_RAISE}` });
    socket.destroy();
  };
  subscribe('net.server.socket', onSocket);
  return {
    atMost,
    get share() {
      return open / atMost;
    },
    onShare: (changed) => void listeners.push(changed),
    stop: () => void unsubscribe('net.server.socket', onSocket),
  };
}
