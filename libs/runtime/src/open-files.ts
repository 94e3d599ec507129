import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Logger } from './logger.ts';
import { RareWarning } from './rare-warning.ts';

/** A server loads its program with about 190 files open at once; below this it cannot start. */
const NEEDED = 256;
/** For what a server opens itself: its listeners, its connections to stores and other servers, files. */
const RESERVED = 128;
/** Where the system sets no limit. */
const MOST = 1_000_000;
const HOW_TO_RAISE =
  'raise the limit: ulimit -n 65536 in the shell, LimitNOFILE=65536 in systemd, --ulimit nofile=65536 in Docker';

/** How many files and connections the system lets this process have open at once. */
export function openFilesLimit(): number {
  const { report } = process as { report: { excludeNetwork?: boolean; getReport(): object } };
  // Else it looks up a name for each address.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as {
    userLimits?: { open_files?: { soft: number | 'unlimited' } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}

/** @throws {Error} one line, when a server cannot work within the limit */
export function requireOpenFiles(limit = openFilesLimit()): void {
  if (limit >= NEEDED) return;
  throw new Error(
    `the system allows this process ${limit} open files; it needs ${NEEDED}, and 1 more for each connection above ${NEEDED - RESERVED}: ${HOW_TO_RAISE}`,
  );
}

/**
 * How many connections this process can hold, with a reserve for its own files.
 * @param forStore share of the limit that a store in this process may use, 0 to 1
 */
export const connectionsAllowed = (forStore = 0, limit = openFilesLimit()): number =>
  Math.max(1, Math.floor(Math.min(limit, MOST) * (1 - forStore)) - RESERVED);

/**
 * Closes each connection that all servers of this process together accept above the limit of open files, less a reserve.
 * Without it the system would close them, without a word in the log, and the store could not open its files.
 * @param forStore share of the limit that a store in this process may use, 0 to 1
 * @returns how to stop
 */
export function limitConnections(logger: Logger, forStore = 0, limit = openFilesLimit()): () => void {
  const atMost = connectionsAllowed(forStore, limit);
  const refused = new RareWarning(logger, 'connection.refused');
  let open = 0;
  const onClose = (): void => {
    open--;
  };
  const onSocket = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    open++;
    socket.once('close', onClose);
    if (open <= atMost) return;
    refused.due({ connections: atMost, openFiles: limit, why: `too few open files; ${HOW_TO_RAISE}` });
    socket.destroy();
  };
  subscribe('net.server.socket', onSocket);
  return () => unsubscribe('net.server.socket', onSocket);
}
