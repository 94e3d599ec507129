import assert from 'node:assert/strict';
import {
  type CimAnswer,
  CimConnection,
  type CimFrame,
  cimRequest,
  UnmodifiedCimClient,
} from '@cim/testkit/raw';
import { newName } from '../names.ts';
import type { Target, World } from '../rule.ts';

/** CIM clients of one check. Each has an account of its own with a new name. */
export class CimWorld implements World {
  readonly #target: Target;
  readonly #connections: CimConnection[] = [];
  readonly #online: UnmodifiedCimClient[] = [];
  /** Where logins are sent; found out with the first stranger. */
  #place: { readonly ip: string; readonly cimServerPort: number } | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  /** A GET without a body, a POST with one. */
  readonly ask = (path: string, body?: object | string | Uint8Array<ArrayBuffer>): Promise<CimAnswer> =>
    cimRequest(this.#target.routeUrl, path, body, this.#target.dialogue.hearRequest);

  readonly newName = newName;

  /** A registered client, with its own name unless one is given. */
  readonly somebody = (name = newName()): Promise<UnmodifiedCimClient> => {
    const { routeUrl, dial, dialogue } = this.#target;
    return UnmodifiedCimClient.register(routeUrl, name, { dial, ...dialogue });
  };

  /** Logs a client in. */
  readonly connect = async (client: UnmodifiedCimClient): Promise<CimConnection> => {
    const connection = await client.connect();
    this.#connections.push(connection);
    this.#online.push(client);
    return connection;
  };

  /** A registered client that is logged in. */
  readonly online = async (name?: string): Promise<UnmodifiedCimClient> => {
    const client = await this.somebody(name);
    await this.connect(client);
    return client;
  };

  /** A connection to an im-server that has said nothing yet. */
  readonly stranger = async (): Promise<CimConnection> => {
    this.#place ??= await this.#findPlace();
    const { dial, dialogue } = this.#target;
    const { ip, cimServerPort } = this.#place;
    const connection = await CimConnection.open(ip, cimServerPort, dial, dialogue.hear);
    this.#connections.push(connection);
    return connection;
  };

  get fault(): Error | undefined {
    return this.#connections.map(({ fault }) => fault).find((fault) => fault !== undefined);
  }

  async close(): Promise<void> {
    // What fails here says nothing about the rule.
    for (const connection of this.#connections) await connection.end().catch(() => undefined);
    for (const client of this.#online) await client.logOut().catch(() => undefined);
  }

  async #findPlace(): Promise<{ readonly ip: string; readonly cimServerPort: number }> {
    const client = await this.somebody();
    const { code, dataBody } = await client.logIn();
    assert.equal(code, '9000', '/login of a new account');
    await client.logOut();
    return dataBody as { ip: string; cimServerPort: number };
  }
}

export const fields = ({ cmd, id, text, properties, batch }: CimFrame) => ({
  ...{ cmd, id, text },
  ...{ properties, batch },
});

const propertiesOf = (from: UnmodifiedCimClient, to: UnmodifiedCimClient) => ({
  sendUserId: String(from.userId),
  sendUserName: from.userName,
  receiveUserId: String(to.userId),
});

/** A message that is pushed while its recipient is online. */
export const live = (from: UnmodifiedCimClient, to: UnmodifiedCimClient, text: string) => ({
  ...{ cmd: 1, id: to.userId, text },
  ...{ properties: propertiesOf(from, to), batch: [] as string[] },
});

/** Messages of one sender that were stored while their recipient was away. */
export const stored = (from: UnmodifiedCimClient, to: UnmodifiedCimClient, batch: string[]) => ({
  ...{ cmd: 3, id: to.userId, text: '' },
  ...{ properties: propertiesOf(from, to), batch },
});

/** All frames up to a live private message, which comes last. */
export async function framesUpTo(to: UnmodifiedCimClient, from: UnmodifiedCimClient): Promise<unknown[]> {
  const end = `end-${newName()}`;
  assert.equal((await from.toUser(to.userId, end)).code, '9000', 'a message to a user who is online');
  const frames: unknown[] = [];
  for (;;) {
    const frame = await to.channel.next(`the message ${end}`);
    if (frame.text === end) return frames;
    frames.push(fields(frame));
  }
}

/** Frames that a client has not asked for and that came before its next pong. */
export async function framesBeforePong({ channel }: UnmodifiedCimClient): Promise<unknown[]> {
  await channel.ping();
  return channel.unread.map(fields);
}

/** The fields of the next frame. */
export const nextOf = async ({ channel }: UnmodifiedCimClient) => fields(await channel.next());
