/**
 * A CIM v2 client that a server cannot tell from the original. It knows CIM's five fields and its JSON, byte
 * by byte, and shares no code with our SDK or our codec. Anything that would break CIM's Java client is an
 * error here.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

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

const VARINT = 0;
const BYTES = 2;

/** A base-128 varint of a number from 0 to 2^53 - 1. */
export function cimVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A body with its length before it: what goes on the wire. */
export const cimDelimited = (body: Uint8Array): Buffer => Buffer.concat([cimVarint(body.length), body]);

const numberField = (field: number, value: number): Buffer =>
  value === 0 ? Buffer.alloc(0) : Buffer.concat([cimVarint(field * 8 + VARINT), cimVarint(value)]);

const bytesField = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([cimVarint(field * 8 + BYTES), cimDelimited(value)]);

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

/** The varint at `at` and the position after it; undefined when it is not complete yet. */
function varintAt(bytes: Buffer, at: number, longest: number): { value: number; next: number } | undefined {
  let value = 0n;
  for (let i = 0; i < longest; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return { value: Number(value), next: at + i + 1 };
  }
  throw new Error(`a varint of more than ${longest} bytes`);
}

// Java refuses a proto3 string that is not UTF-8.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Field {
  readonly field: number;
  readonly number: number;
  readonly bytes: Buffer;
}

function fieldsOf(body: Buffer): Field[] {
  const fields: Field[] = [];
  const nothing = Buffer.alloc(0);
  const whole = (at: number) => {
    const read = varintAt(body, at, 10);
    if (read === undefined) throw new Error('a frame ends inside a field');
    return read;
  };
  for (let at = 0; at < body.length; ) {
    const tag = whole(at);
    const field = Math.floor(tag.value / 8);
    const first = whole(tag.next);
    if (tag.value % 8 === VARINT) {
      fields.push({ field, number: first.value, bytes: nothing });
      at = first.next;
    } else if (tag.value % 8 === BYTES) {
      at = first.next + first.value;
      if (at > body.length) throw new Error('a frame ends inside a field');
      fields.push({ field, number: 0, bytes: body.subarray(first.next, at) });
    } else throw new Error(`wire type ${tag.value % 8} in a frame`);
  }
  return fields;
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

interface Waiter {
  readonly wanted: (frame: CimFrame) => boolean;
  readonly resolve: (frame: CimFrame) => void;
  readonly reject: (error: Error) => void;
}

/** Opens the connection for the frames. */
export type CimDial = (host: string, port: number) => Promise<Duplex>;

const tcp: CimDial = async (host, port) => {
  const socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
};

/** A connection of a CIM client: TCP, unless it is dialled otherwise. */
export class CimConnection {
  /** Port of the server that it is connected to. */
  readonly port: number;
  readonly #socket: Duplex;
  /** Resolves when the server has closed the connection in any way. */
  readonly closed: Promise<void>;
  /**
   * Callers of `next` that wait. Each is removed when its frame has come, its time is over or the connection
   * has ended.
   */
  readonly #waiters = new Set<Waiter>();
  #unread: CimFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #fault: Error | undefined;
  #open = true;

  private constructor(socket: Duplex, port: number) {
    this.#socket = socket;
    this.port = port;
    socket.on('data', (data: Buffer) => this.#read(data));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#open = false;
        for (const waiter of this.#waiters) waiter.reject(this.#fault ?? new Error('the channel was closed'));
        resolve();
      }),
    );
  }

  static async open(host: string, port: number, dial: CimDial = tcp): Promise<CimConnection> {
    return new CimConnection(await dial(host, port), port);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Frames that no caller has taken yet. */
  get unread(): readonly CimFrame[] {
    return this.#unread;
  }

  /** The error that would have ended CIM's client. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
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

  /** Waits for the first frame that fits and takes it. Others stay unread. */
  async next(
    what = 'a frame',
    wanted: (frame: CimFrame) => boolean = () => true,
    withinMs = 5_000,
  ): Promise<CimFrame> {
    if (this.#fault) throw this.#fault;
    const at = this.#unread.findIndex(wanted);
    const [found] = at < 0 ? [] : this.#unread.splice(at, 1);
    if (found !== undefined) return found;
    if (!this.#open) throw new Error(`the channel was closed before ${what}`);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        wanted,
        resolve: (frame) => {
          leave();
          resolve(frame);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiter.reject(new Error(`not within ${withinMs} ms: ${what}`)),
        withinMs,
      );
      this.#waiters.add(waiter);
    });
  }

  /** Stops reading, like a client that hangs. */
  pause(): void {
    this.#socket.pause();
  }

  /** Closes the connection. Throws the error that would have ended CIM's client. */
  async end(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
    if (this.#fault) throw this.#fault;
  }

  #read(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    try {
      for (;;) {
        const length = varintAt(this.#rest, 0, 5);
        if (length === undefined || this.#rest.length < length.next + length.value) return;
        const frame = parseFrame(this.#rest.subarray(length.next, length.next + length.value));
        this.#rest = this.#rest.subarray(length.next + length.value);
        const waiter = [...this.#waiters].find(({ wanted }) => wanted(frame));
        if (waiter === undefined) this.#unread.push(frame);
        else waiter.resolve(frame);
      }
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error));
      this.#socket.destroy();
    }
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
  readonly #dial: CimDial | undefined;
  #connection: CimConnection | undefined;

  private constructor(routeUrl: string, userId: number, userName: string, dial: CimDial | undefined) {
    this.#routeUrl = routeUrl;
    this.#dial = dial;
    this.userId = userId;
    this.userName = userName;
  }

  static async register(routeUrl: string, userName: string, dial?: CimDial): Promise<UnmodifiedCimClient> {
    const body = { ...javaRequest(), userName };
    const { code, message, dataBody } = await cimRequest(routeUrl, '/registerAccount', body);
    if (code !== '9000') throw new Error(`registering ${userName}: ${code} ${message}`);
    const account = dataBody as { userId: number; userName: string };
    return new UnmodifiedCimClient(routeUrl, account.userId, account.userName, dial);
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
    const connection = await CimConnection.open(ip, cimServerPort, this.#dial);
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
    return cimRequest(this.#routeUrl, path, { ...javaRequest(), ...body });
  }
}

/** The fields that CIM's `BaseRequest` puts into every request. */
const javaRequest = () => ({ reqNo: null, timeStamp: Math.floor(Date.now() / 1000) });
