import { createServer, type Server } from 'node:net';

/**
 * First port that is chosen. The ports are below the range from which the system takes ports for outgoing
 * connections, also with the 10,000 that a node of a Redis Cluster adds for its bus. So a killed server finds
 * its port free when it is started again.
 */
const FIRST = 12_000;
const COUNT = 10_000;
const TRIES = 1_000;

/** Finds free ports. All are held open while they are chosen, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count; tries++) {
    if (tries === TRIES) throw new Error(`no ${count} free ports from ${FIRST} to ${FIRST + COUNT - 1}`);
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = held.has(port) ? undefined : await hold(port);
    if (server !== undefined) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  return [...held.keys()];
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
