/** Runs several im-servers on one machine. Each is a process with its own ports and identity. */
import { createLogger, failStart, portOf, requireFreePorts, runProgram, supervise } from '@cim/runtime';
import { config } from './configured.ts';

/** Longer than each process needs to drain [ms]. */
const STOP_WITHIN_MS = 20_000;

const { processes, host, tcpPort, internalHost, httpPort, logFile, logLevel } = config;

const each = <T>(make: (index: number) => T): T[] => Array.from({ length: processes }, (_, i) => make(i));

try {
  await requireFreePorts(
    each((index) => [
      { host, port: portOf(tcpPort, index) },
      { host: internalHost, port: portOf(httpPort, index) },
    ]).flat(),
  );
} catch (error) {
  failStart('im-server', error);
}
const logger = createLogger(logLevel, { program: 'im-server', supervisor: process.pid });
await runProgram('im-server', logger, STOP_WITHIN_MS, async (starting) => {
  await supervise(
    {
      count: processes,
      logger,
      flagsOf: (index) => [
        ...['--processes', '1'],
        ...['--tcp-port', String(portOf(tcpPort, index))],
        ...['--http-port', String(portOf(httpPort, index))],
        // Two processes cannot rotate the same file.
        ...(logFile === '' ? [] : ['--log-file', `${logFile}-${index + 1}`]),
      ],
    },
    starting,
  );
  console.log(`im-server runs in ${processes} processes; pid ${process.pid} supervises them`);
});
