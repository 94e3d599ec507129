/**
 * A CIM v2 client that a server cannot tell from the original. It knows CIM's five fields and its JSON, byte
 * by byte, and shares no code with our SDK or our codec. Anything that would break CIM's Java client is an
 * error here.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Hear, RawConnection } from './raw-connection.ts';
import { bytesField, cimDelimited, fieldsOf, numberField, utf8 } from './raw-protobuf.ts';

/** CIM's `BaseCommand`. */
export const CIM_COMMANDS = { login: 0, message: 1, ping: 2, offline: 3 } as const;

/** An absent field has CIM's default, which protobuf does not write. */
export interface CimFrameFields {
  readonly text?: string;
  readonly id?: number;
  readonly cmd?: number;
  readonly properties?: Readonly<Record<string, string>>;
  readonly batch?: readonly string[];
}

export interface CimFrame extends Required<CimFrameFields> {
  /** The body as it came, without its length. */
  readonly bytes: Buffer;
  /** When its last byte was read [ms, performance.now()]. */
  readonly at: number;
}

export interface CimAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly code: string;
  readonly message: string;
  readonly reqNo: string | null;
  readonly dataBody: unknown;
}

/** A frame as CIM's client writes it, its length included. */
export function cimFrame({
  text = '',
  id = 0,
  cmd = 0,
  properties = {},
  batch = [],
}: CimFrameFields): Buffer {
  const map = Object.entries(properties).map(([key, value]) =>
    bytesField(4, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, Buffer.from(value))])),
  );
  return cimDelimited(
    Buffer.concat([
      text === '' ? Buffer.alloc(0) : bytesField(1, Buffer.from(text)),
      numberField(2, id),
      numberField(3, cmd),
      ...map,
      ...batch.map((item) => bytesField(5, Buffer.from(item))),
    ]),
  );
}

function parseFrame(bytes: Buffer): CimFrame {
  let text = '';
  let id = 0;
  let cmd = 0;
  const properties: Record<string, string> = {};
  const batch: string[] = [];
  for (const { field, number, bytes: value } of fieldsOf(bytes)) {
    if (field === 1) text = utf8.decode(value);
    else if (field === 2) id = number;
    else if (field === 3) cmd = number;
    else if (field === 5) batch.push(utf8.decode(value));
    else if (field === 4) {
      const parts = fieldsOf(value);
      const part = (wanted: number) =>
        utf8.decode(parts.find((candidate) => candidate.field === wanted)?.bytes ?? new Uint8Array());
      properties[part(1)] = part(2);
    } else throw new Error(`field ${field} in a frame to a CIM client: ${bytes.toString('hex')}`);
  }
  if (cmd !== CIM_COMMANDS.ping && !/^\d+$/.test(properties.receiveUserId ?? ''))
    throw new Error(`a frame that CIM's client fails on, it has no receiveUserId: ${bytes.toString('hex')}`);
  return { text, id, cmd, properties, batch, bytes, at: performance.now() };
}

/** Opens the connection for the frames. */
export type CimDial = (host: string, port: number) => Promise<Duplex>;

export const dialTcp: CimDial = async (host, port) => {
  const socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
};

/** A connection of a CIM client: TCP, unless it is dialled otherwise. */
export class CimConnection extends RawConnection<CimFrame> {
  /** Port of the server that it is connected to. */
  readonly port: number;

  private constructor(socket: Duplex, port: number, hear: Hear | undefined) {
    super(socket, parseFrame, hear);
    this.port = port;
  }

  static async open(
    host: string,
    port: number,
    dial: CimDial = dialTcp,
    hear?: Hear,
  ): Promise<CimConnection> {
    return new CimConnection(await dial(host, port), port, hear);
  }

  /** Sends the TCP login of CIM's client. A server does not answer it. */
  logIn(userId: number, userName: string): void {
    this.send(cimFrame({ cmd: CIM_COMMANDS.login, id: userId, text: userName }));
  }

  /** Resolves with the server's answer to a ping. */
  async ping(): Promise<CimFrame> {
    this.send(cimFrame({ cmd: CIM_COMMANDS.ping, text: 'ping' }));
    return this.next('a pong', ({ cmd }) => cmd === CIM_COMMANDS.ping);
  }
}

/** The fields of the envelope. CIM's JSON reader refuses any other. */
const ENVELOPE = ['code', 'dataBody', 'message', 'reqNo'];
/** Key: path. Value: the fields of `dataBody` in CIM's classes. */
const DATA: Readonly<Record<string, readonly string[]>> = {
  '/registerAccount': ['userId', 'userName'],
  '/login': ['cimServerPort', 'httpPort', 'ip'],
  '/onlineUser': ['userId', 'userName'],
};

const SEND_PATHS: readonly string[] = ['/p2pRoute', '/groupRoute'];

/** Is told of each request and its answer. */
export type HearRequest = (
  path: string,
  body: object | string | undefined,
  status: number,
  answer: string,
) => void;

/** How a client gets to its servers, and who else hears what is said. */
export interface CimMeans {
  /** Absent: TCP. */
  readonly dial?: CimDial | undefined;
  readonly hear?: Hear | undefined;
  readonly hearRequest?: HearRequest | undefined;
}

const same = (value: object, names: readonly string[]): boolean =>
  JSON.stringify(Object.keys(value).sort()) === JSON.stringify(names);

/**
 * Makes a request to the route and reads the answer as strictly as CIM's client: no unknown field; HTTP 200,
 * or 503 with a time to wait for requests to repeat, 400 for a refused send, 404 for an unknown path. Without
 * a body it is a GET. A text or bytes are sent unchanged.
 */
export async function cimRequest(
  routeUrl: string,
  path: string,
  body?: object | string | Uint8Array<ArrayBuffer>,
  hear: HearRequest = () => undefined,
): Promise<CimAnswer> {
  const answer = await fetch(`${routeUrl}${path}`, {
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
        }),
  });
  const said = await answer.text();
  hear(path, body, answer.status, said);
  const parsed = JSON.parse(said) as Omit<CimAnswer, 'status' | 'headers'>;
  const fail = (problem: string): never => {
    throw new Error(`${path}: ${problem}: HTTP ${answer.status} ${said}`);
  };
  if (!same(parsed, ENVELOPE)) fail('the envelope is not code, message, reqNo, dataBody');
  if (typeof parsed.code !== 'string' || typeof parsed.message !== 'string') fail('no texts in the envelope');
  if (parsed.code === '4000' && answer.status !== 503) fail('a failure that is not 503');
  if (answer.status === 503) {
    if (!['4000', '6000'].includes(parsed.code)) fail('503 is for 4000 and overload');
    if (!(Number(answer.headers.get('retry-after')) >= 1)) fail('503 without a Retry-After of 1 or more');
  } else if (answer.status === 404) {
    if (parsed.code !== '3000') fail('404 is for an unknown path');
  } else {
    // CIM's client takes a refused send with HTTP 200 for sent.
    const refusedSend = SEND_PATHS.includes(path) && ['3000', '9100'].includes(parsed.code);
    if (answer.status !== (refusedSend ? 400 : 200)) fail(`not HTTP ${refusedSend ? 400 : 200}`);
  }
  if (parsed.code !== '9000' && parsed.dataBody !== null) fail('a refusal with data');
  const fields = DATA[path];
  if (parsed.code === '9000') {
    const data = Array.isArray(parsed.dataBody) ? (parsed.dataBody as unknown[]) : [parsed.dataBody];
    const right = (item: unknown) =>
      fields === undefined ? item === null : typeof item === 'object' && item !== null && same(item, fields);
    if (!data.every(right)) fail('the data has not exactly the fields of CIM');
  }
  return { ...parsed, status: answer.status, headers: answer.headers };
}

/** A CIM client and its account. Its requests carry every field of CIM's classes, as Java writes them. */
export class UnmodifiedCimClient {
  readonly userId: number;
  readonly userName: string;
  readonly #routeUrl: string;
  readonly #means: CimMeans;
  #connection: CimConnection | undefined;

  private constructor(routeUrl: string, userId: number, userName: string, means: CimMeans) {
    this.#routeUrl = routeUrl;
    this.#means = means;
    this.userId = userId;
    this.userName = userName;
  }

  static async register(
    routeUrl: string,
    userName: string,
    means: CimMeans = {},
  ): Promise<UnmodifiedCimClient> {
    const body = { ...javaRequest(), userName };
    const { code, message, dataBody } = await cimRequest(
      routeUrl,
      '/registerAccount',
      body,
      means.hearRequest,
    );
    if (code !== '9000') throw new Error(`registering ${userName}: ${code} ${message}`);
    const account = dataBody as { userId: number; userName: string };
    return new UnmodifiedCimClient(routeUrl, account.userId, account.userName, means);
  }

  /** The open TCP connection. */
  get channel(): CimConnection {
    if (this.#connection === undefined) throw new Error(`${this.userName} is not connected`);
    return this.#connection;
  }

  /** Makes only the request to `/login`. */
  async logIn(): Promise<CimAnswer> {
    return this.#post('/login', { userId: this.userId, userName: this.userName });
  }

  /**
   * Logs in over HTTP and TCP. A server does not answer the TCP login, so a ping shows that it was accepted.
   */
  async connect(): Promise<CimConnection> {
    const { code, message, dataBody } = await this.logIn();
    if (code !== '9000') throw new Error(`logging in ${this.userName}: ${code} ${message}`);
    const { ip, cimServerPort } = dataBody as { ip: string; cimServerPort: number };
    const connection = await CimConnection.open(ip, cimServerPort, this.#means.dial, this.#means.hear);
    this.#connection = connection;
    connection.logIn(this.userId, this.userName);
    await connection.ping();
    return connection;
  }

  async toUser(receiveUserId: number, msg: string): Promise<CimAnswer> {
    return this.#post('/p2pRoute', { userId: this.userId, receiveUserId, msg, batchMsg: null });
  }

  async batchToUser(receiveUserId: number, batchMsg: readonly string[]): Promise<CimAnswer> {
    return this.#post('/p2pRoute', { userId: this.userId, receiveUserId, msg: null, batchMsg });
  }

  async toGroup(msg: string): Promise<CimAnswer> {
    return this.#post('/groupRoute', { userId: this.userId, msg, batchMsg: null });
  }

  async fetchOffline(): Promise<CimAnswer> {
    return this.#post('/fetchOfflineMsgs', { receiveUserId: this.userId });
  }

  async logOut(): Promise<CimAnswer> {
    return this.#post('/offLine', { userId: this.userId, msg: 'offLine' });
  }

  /** Logs out and closes. Throws the error that would have ended CIM's client. */
  async end(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    await this.logOut();
    await connection.end();
  }

  async #post(path: string, body: object): Promise<CimAnswer> {
    return cimRequest(this.#routeUrl, path, { ...javaRequest(), ...body }, this.#means.hearRequest);
  }
}

/** The fields that CIM's `BaseRequest` puts into every request. */
const javaRequest = () => ({ reqNo: null, timeStamp: Math.floor(Date.now() / 1000) });
