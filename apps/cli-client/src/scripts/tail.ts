import { join } from 'node:path';
import { CimClient, fileState, type Message } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import type { ChatConfig } from '../config.ts';
import { makeStateFolder } from '../files/state-folder.ts';
import { stateName } from '../files/state-name.ts';
import { trustOf } from '../trust.ts';
import { type Json, NotReachable } from './script-api.ts';

/**
 * Shows messages as they come, until a signal. It is a device of its own with its own cursor: a message counts as received
 * when its line is written, and the next `cim tail` goes on behind it.
 * @returns the exit code
 */
export async function tail(
  config: Omit<ChatConfig, 'plain' | 'colour' | 'dumb'>,
  show: (row: Json, line: string) => void,
): Promise<number> {
  const { route, name, password, token, stateDir, device } = config;
  const about = `${stateName(route, name, device)}.tail`;
  makeStateFolder(stateDir, (file) => file.startsWith(about));
  const client = new CimClient({
    routeUrl: route,
    userName: name,
    ...(password !== '' && { password }),
    ...(token !== '' && { token }),
    tls: trustOf(config),
    state: fileState(join(stateDir, `${about}.json`)),
    label: device === '' ? 'cim tail' : `cim tail (${device})`,
    logger: silentLogger(),
  });
  client.on('message', (message) => show(rowOf(message), lineOf(message)));
  const ended = new Promise<number>((resolve, reject) => {
    client.on('closed', ({ text }) => reject(new Error(text)));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(0));
    // Whoever reads the lines has left, as `head` does.
    process.stdout.once('error', () => resolve(0));
  });
  try {
    await client.connect().catch((error: unknown) => {
      // No route answers, or none of its im-servers does.
      if (error instanceof CimError && error.retryable) throw new NotReachable(error.message);
      throw error;
    });
    return await ended;
  } finally {
    ended.catch(() => undefined);
    await client.logout();
  }
}

const rowOf = ({ id, from, conversation, texts, type, storedAt, own }: Message): Json => ({
  id,
  conversation,
  from: { id: String(from.userId), name: from.userName },
  texts,
  ...(type !== '' && { type }),
  storedAt: new Date(storedAt).toISOString(),
  ...(own && { own }),
});

const lineOf = ({ from, conversation, texts, type, storedAt }: Message): string =>
  `${new Date(storedAt).toISOString()} ${conversation} ${from.userName}: ${texts.length > 0 ? texts.join('\n') : `[${type}]`}`;
