import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { type CimAnswer, type CimDial, dialTcp, type Hear, RawConnection } from '@cim/testkit/raw';
import { newName, newProducer } from '../names.ts';
import type { Target, World } from '../rule.ts';
import { closedWithin } from '../waiting.ts';
import { type BodyName, contentOf, type Fields, type OwnFrame, ownFrame, parseOwnFrame } from './frames.ts';

/** Outcomes of a receipt, and answers to a resume. A field that is absent is 0. */
export const OUTCOME = { stored: undefined, retry: 1, refused: 2, gap: 3, unknownProducer: 4 } as const;
export const ANSWER = { continue: undefined, reset: 1 } as const;
/** Close reasons that rules are about. */
export const REASON = {
  idle: 2,
  unauthorized: 103,
  superseded: 104,
  loggedOut: 105,
  protocolError: 106,
} as const;

/** A server that is busy, or far away, has this long to answer [ms]. */
const ANSWER_MS = 15_000;

/** What `/login` with `"wire": 2` answers. */
export interface Login {
  readonly ip: string;
  readonly cimServerPort: number;
  readonly ticket: string;
  readonly session: string;
  readonly epoch: number;
}

/** An account. */
export interface User {
  readonly userId: number;
  readonly userName: string;
}

/** An entry of a stream as `deliver` carries it. */
export interface Entry {
  readonly seq: number;
  readonly prev?: string;
  readonly sender: number;
  readonly senderName: string;
  readonly producer: string;
  readonly counter: number;
  readonly content: Buffer;
}

export const idOf = ({ sender, producer, counter }: Entry): string => `${sender}:${producer}:${counter}`;
export const textsOf = (entries: readonly Entry[]): unknown[] =>
  entries.flatMap(({ content }) => contentOf(content)['texts'] ?? []);

/** A connection on our own wire. */
export class OwnConnection extends RawConnection<OwnFrame> {
  /** Counters of the sends, for each stream. */
  readonly #counters = new Map<string, number>();
  readonly producer = newProducer();

  private constructor(socket: Duplex, hear: Hear) {
    super(socket, parseOwnFrame, hear);
  }

  static async open(host: string, port: number, dial: CimDial = dialTcp, hear: Hear): Promise<OwnConnection> {
    return new OwnConnection(await dial(host, port), hear);
  }

  say(body: BodyName, fields: Fields = {}): void {
    this.send(ownFrame(body, fields));
  }

  /** The next frame with this body. */
  async hears(body: BodyName, withinMs = ANSWER_MS): Promise<Fields> {
    const { fields } = await this.next(`the frame ${body}`, (frame) => frame.body === body, withinMs);
    return fields;
  }

  /** The next entries of a stream, until there are as many. */
  async entries(count: number, group = ''): Promise<Entry[]> {
    const entries: Entry[] = [];
    while (entries.length < count) {
      const about = `${count} entries of ${group === '' ? 'the inbox' : group}, ${entries.length} have come`;
      const wanted = ({ body, fields }: OwnFrame) => body === 'deliver' && (fields['group'] ?? '') === group;
      const { fields } = await this.next(about, wanted, ANSWER_MS);
      entries.push(...((fields['entries'] ?? []) as unknown as Entry[]));
    }
    assert.equal(entries.length, count, 'the number of entries that came');
    return entries;
  }

  /** Sends texts with the next counter, and answers the fields of the send. */
  sendTexts(to: { readonly to: number } | { readonly group: string }, texts: readonly string[]): Fields {
    const stream = JSON.stringify(to);
    const counter = (this.#counters.get(stream) ?? 0) + 1;
    this.#counters.set(stream, counter);
    const fields = { ...to, producer: this.producer, counter, content: { texts } };
    this.say('send', fields);
    return fields;
  }

  /** Sends one text and waits for its receipt, which is to say that it is stored. */
  async stores(to: { readonly to: number } | { readonly group: string }, text: string): Promise<Fields> {
    const { counter } = this.sendTexts(to, [text]);
    const receipt = await this.hears('receipt');
    assert.deepEqual([receipt['outcome'], receipt['counter']], [OUTCOME.stored, counter], 'the receipt');
    return receipt;
  }

  /** Resolves when the store has an ack: an answer to a question, after what the server tells of itself. */
  async hearsAcked(to: number, seq: number): Promise<void> {
    await this.hears('delivered');
    const answer = this.hears('delivered');
    const asking = setInterval(() => this.say('delivered', { to, seq }), 50);
    try {
      assert.deepEqual(await answer, { to, seq }, 'the answer to `delivered`');
    } finally {
      clearInterval(asking);
    }
  }

  /** Every frame before the pong to a ping, which the server has answered after all that came before. */
  async before(): Promise<readonly OwnFrame[]> {
    this.say('ping');
    await this.hears('pong');
    return this.unread;
  }

  /** Waits until the server closes the channel, and answers the number of the close reason in its last frame. */
  async closeReason(): Promise<number> {
    const { reason } = await this.hears('goaway');
    await closedWithin(this, ANSWER_MS, 'after goaway');
    return reason as number;
  }
}

/** Clients of our own wire for one check. */
export class OwnWorld implements World {
  readonly #target: Target;
  readonly #connections: OwnConnection[] = [];
  readonly #logins: { readonly userId: number; readonly session: string }[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  get fault(): Error | undefined {
    return this.#connections.map(({ fault }) => fault).find((fault) => fault !== undefined);
  }

  /** Asks the route. With a secret it is shown as `Authorization: Bearer`. */
  readonly ask = async (path: string, body: object, secret?: string): Promise<CimAnswer> => {
    const bearer: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    const answer = await fetch(`${this.#target.routeUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer },
      body: JSON.stringify(body),
    });
    const said = await answer.text();
    this.#target.dialogue.hearRequest(path, body, answer.status, said);
    const { status, headers } = answer;
    return { ...(JSON.parse(said) as Omit<CimAnswer, 'status' | 'headers'>), status, headers };
  };

  /** A new account, without a password unless one is given. */
  readonly user = async (password?: string): Promise<User> => {
    const asked = { userName: newName(), password };
    const { code, message, dataBody } = await this.ask('/registerAccount', asked);
    assert.equal(code, '9000', `/registerAccount (${message})`);
    return dataBody as User;
  };

  /** Logs in over HTTP only. */
  readonly logIn = async (user: User, more: object = {}): Promise<Login> => {
    const { code, message, dataBody } = await this.ask('/login', { ...user, wire: 2, ...more });
    assert.equal(code, '9000', `/login (${message})`);
    const login = dataBody as Login;
    this.#logins.push({ userId: user.userId, session: login.session });
    return login;
  };

  /** A connection that has said nothing. */
  readonly open = async ({ ip, cimServerPort }: Login): Promise<OwnConnection> => {
    const { dial, dialogue } = this.#target;
    const connection = await OwnConnection.open(ip, cimServerPort, dial, dialogue.hear);
    this.#connections.push(connection);
    return connection;
  };

  /** A connection whose login was answered with `welcome`. */
  readonly connect = async (user: User, login: Login, level = 1): Promise<OwnConnection> => {
    const connection = await this.open(login);
    connection.say('login', { userId: user.userId, ticket: login.ticket, agent: 'conformance/1', level });
    await connection.hears('welcome');
    return connection;
  };

  /** A new user whose session follows its inbox, and the lobby when it is asked for. */
  readonly online = async (cursors: readonly Fields[] = [{}], level = 1) => {
    const user = await this.user();
    const login = await this.logIn(user);
    const connection = await this.connect(user, login, level);
    connection.say('resume', { cursors });
    const resumed = await connection.hears('resumed');
    return { user, login, connection, resumed };
  };

  /** Logs a user in again with the secret of its session. */
  readonly again = async (user: User, { session }: Login, cursors: readonly Fields[] = [{}]) => {
    const login = await this.logIn(user, { session });
    const connection = await this.connect(user, login);
    connection.say('resume', { cursors });
    const resumed = await connection.hears('resumed');
    return { login, connection, resumed };
  };

  async close(): Promise<void> {
    // What fails here says nothing about the rule.
    for (const connection of this.#connections) await connection.end().catch(() => undefined);
    for (const { userId, session } of this.#logins)
      await this.ask('/offLine', { userId, msg: 'x' }, session).catch(() => undefined);
  }
}
