/** Importing this starts a scripted server for each test of the file, and closes its clients afterwards. */
import { afterEach, beforeEach } from 'node:test';
import { CimClient } from '../src/node/client.ts';
import type { CimClientOptions } from '../src/client-options.ts';
import type { ClientEvents, Message } from '../src/events.ts';
import { ScriptedServer } from './scripted-server.ts';

/** The server of the running test. */
export let server: ScriptedServer;
let clients: CimClient[] = [];

beforeEach(async () => {
  server = await ScriptedServer.start();
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await server.stop();
});

export function makeClient(options: Partial<CimClientOptions> = {}): CimClient {
  const client = new CimClient({ routeUrl: server.url, userName: 'alice', random: () => 0.01, ...options });
  clients.push(client);
  return client;
}

export function collect<K extends keyof ClientEvents>(client: CimClient, event: K): ClientEvents[K][] {
  const seen: ClientEvents[K][] = [];
  client.on(event, (value) => seen.push(value));
  return seen;
}

export const textsOf = (messages: readonly Message[]): string[] => messages.flatMap((m) => [...m.texts]);
