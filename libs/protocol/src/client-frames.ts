/**
 * The frames of cim.proto as a client encodes and decodes them. Servers use the generated code; a test
 * compares the two.
 */
import {
  ByteReader,
  bytesField,
  ByteWriter,
  flagField,
  listField,
  Message,
  numberField,
  textField,
  textsField,
} from './message-codec.ts';

export interface Login {
  readonly userId: number;
  readonly ticket: string;
  readonly agent: string;
  readonly level: number;
}
const LOGIN = new Message<Login>({
  userId: numberField(1),
  ticket: textField(2),
  agent: textField(3),
  level: numberField(4),
});

export interface Welcome {
  readonly userId: number;
  readonly epoch: number;
  readonly idleTimeoutMs: number;
  readonly instance: string;
}
const WELCOME = new Message<Welcome>({
  userId: numberField(1),
  epoch: numberField(2),
  idleTimeoutMs: numberField(3),
  instance: textField(4),
});

/** The content of a message, or of an event about a message. */
export interface Content {
  readonly texts: readonly string[];
  readonly type: string;
  readonly body: Uint8Array;
  readonly ref: string;
  /** Whether servers have changed the texts before they stored the message. Only servers set it. */
  readonly changed: boolean;
}
const CONTENT = new Message<Content>({
  texts: textsField(1),
  type: textField(2),
  body: bytesField(3),
  ref: textField(4),
  changed: flagField(5),
});

export interface Send {
  readonly to: number;
  readonly group: string;
  readonly producer: string;
  readonly counter: number;
  readonly content: Uint8Array;
  readonly again: boolean;
}
const SEND = new Message<Send>({
  to: numberField(1),
  group: textField(2),
  producer: textField(3),
  counter: numberField(4),
  content: bytesField(5),
  again: flagField(6),
});

/** Values of `Outcome` in cim.proto. A newer server may send other numbers. */
export const OUTCOMES = { stored: 0, retry: 1, refused: 2, gap: 3, unknownProducer: 4 } as const;

export interface Receipt {
  readonly to: number;
  readonly group: string;
  readonly producer: string;
  readonly counter: number;
  /** One of `OUTCOMES`. */
  readonly outcome: number;
  readonly seq: number;
  readonly last: number;
  readonly code: string;
  readonly text: string;
  readonly copy: number;
  readonly n: number;
}
const RECEIPT = new Message<Receipt>({
  to: numberField(1),
  group: textField(2),
  producer: textField(3),
  counter: numberField(4),
  outcome: numberField(5),
  seq: numberField(6),
  last: numberField(7),
  code: textField(8),
  text: textField(9),
  copy: numberField(10),
  n: numberField(11),
});

export interface Delivered {
  readonly to: number;
  readonly seq: number;
}
const DELIVERED = new Message<Delivered>({ to: numberField(1), seq: numberField(2) });

export interface Counter {
  readonly to: number;
  readonly group: string;
  readonly producer: string;
  readonly counter: number;
  readonly seq: number;
  readonly unknown: boolean;
}
export interface Counters {
  readonly counters: readonly Counter[];
}
const COUNTERS = new Message<Counters>({
  counters: listField(
    1,
    new Message<Counter>({
      to: numberField(1),
      group: textField(2),
      producer: textField(3),
      counter: numberField(4),
      seq: numberField(5),
      unknown: flagField(6),
    }),
  ),
});

export interface Find {
  readonly to: number;
  readonly group: string;
  readonly producer: string;
}
const FIND = new Message<Find>({ to: numberField(1), group: textField(2), producer: textField(3) });

export interface Found extends Find {
  readonly last: number;
  readonly oldestAt: number;
}
const FOUND = new Message<Found>({
  to: numberField(1),
  group: textField(2),
  producer: textField(3),
  last: numberField(4),
  oldestAt: numberField(5),
});

export interface Entry {
  readonly seq: number;
  readonly prev: string;
  readonly storedAt: number;
  readonly sender: number;
  readonly senderName: string;
  readonly producer: string;
  readonly counter: number;
  readonly content: Uint8Array;
  readonly n: number;
}
export interface Deliver {
  readonly group: string;
  readonly entries: readonly Entry[];
}
const DELIVER = new Message<Deliver>({
  group: textField(1),
  entries: listField(
    2,
    new Message<Entry>({
      seq: numberField(1),
      prev: textField(2),
      storedAt: numberField(3),
      sender: numberField(4),
      senderName: textField(5),
      producer: textField(6),
      counter: numberField(7),
      content: bytesField(8),
      n: numberField(9),
    }),
  ),
});

export interface Ack {
  readonly group: string;
  readonly seq: number;
  readonly held: number;
}
const ACK = new Message<Ack>({ group: textField(1), seq: numberField(2), held: numberField(3) });

export interface Resume {
  readonly cursors: readonly { readonly group: string; readonly seq: number; readonly id: string }[];
  readonly groups: boolean;
}
const RESUME = new Message<Resume>({
  cursors: listField(
    1,
    new Message<Resume['cursors'][number]>({ group: textField(1), seq: numberField(2), id: textField(3) }),
  ),
  groups: flagField(2),
});

/** Values of `ResumeAnswer` in cim.proto. A newer server may send other numbers. */
export const RESUME_ANSWERS = { continue: 0, reset: 1, expired: 2, skipped: 3 } as const;

export interface ResumedStream {
  readonly group: string;
  /** One of `RESUME_ANSWERS`. */
  readonly answer: number;
  readonly from: number;
  readonly to: number;
  readonly id: string;
}
export interface Resumed {
  readonly streams: readonly ResumedStream[];
}
const RESUMED = new Message<Resumed>({
  streams: listField(
    1,
    new Message<ResumedStream>({
      group: textField(1),
      answer: numberField(2),
      from: numberField(3),
      to: numberField(4),
      id: textField(5),
    }),
  ),
});

/** Values of `SignalKind` in cim.proto. A newer server may send other numbers. */
export const SIGNAL_KINDS = { typing: 0, read: 1, device: 2, unsent: 3 } as const;

export interface Signal {
  /** One of `SIGNAL_KINDS`. */
  readonly kind: number;
  readonly to: number;
  readonly group: string;
  readonly sender: number;
  readonly senderName: string;
  readonly n: number;
  readonly device: string;
  readonly label: string;
  readonly scheduled: string;
  readonly code: string;
  readonly text: string;
}
const SIGNAL = new Message<Signal>({
  kind: numberField(1),
  to: numberField(2),
  group: textField(3),
  sender: numberField(4),
  senderName: textField(5),
  n: numberField(6),
  device: textField(7),
  label: textField(8),
  scheduled: textField(9),
  code: textField(10),
  text: textField(11),
});

export interface Goaway {
  readonly reason: number;
  readonly text: string;
  readonly reconnect: boolean;
  readonly afterMs: number;
}
const GOAWAY = new Message<Goaway>({
  reason: numberField(1),
  text: textField(2),
  reconnect: flagField(3),
  afterMs: numberField(4),
});

export interface Refusal {
  readonly code: string;
  readonly text: string;
}
const REFUSAL = new Message<Refusal>({ code: textField(1), text: textField(2) });

const NO_FIELDS = new Message<object>({});

/** The frames that a client sends; the key is the name of the body in `Frame`. */
export interface ClientFrames {
  login: Login;
  send: Send;
  delivered: Delivered;
  ack: Ack;
  resume: Resume;
  ping: object;
  pong: object;
  counters: Counters;
  find: Find;
  signal: Signal;
}
const CLIENT_FRAMES: {
  readonly [K in keyof ClientFrames]: readonly [field: number, Message<ClientFrames[K]>];
} = {
  login: [16, LOGIN],
  send: [18, SEND],
  delivered: [20, DELIVERED],
  ack: [22, ACK],
  resume: [23, RESUME],
  ping: [25, NO_FIELDS],
  pong: [26, NO_FIELDS],
  counters: [29, COUNTERS],
  find: [30, FIND],
  signal: [32, SIGNAL],
};

/** The frames that a server sends; the key is the name of the body in `Frame`. */
interface ServerFrames {
  welcome: Welcome;
  receipt: Receipt;
  delivered: Delivered;
  deliver: Deliver;
  resumed: Resumed;
  ping: object;
  pong: object;
  goaway: Goaway;
  error: Refusal;
  counters: Counters;
  found: Found;
  signal: Signal;
}
/** A decoded frame of a server: its kind and its body. */
export type ServerFrame = {
  [K in keyof ServerFrames]: { readonly kind: K; readonly body: ServerFrames[K] };
}[keyof ServerFrames];

const SERVER_FRAMES = new Map<number, readonly [keyof ServerFrames, Message<object>]>([
  [17, ['welcome', WELCOME]],
  [19, ['receipt', RECEIPT]],
  [20, ['delivered', DELIVERED]],
  [21, ['deliver', DELIVER]],
  [24, ['resumed', RESUMED]],
  [25, ['ping', NO_FIELDS]],
  [26, ['pong', NO_FIELDS]],
  [27, ['goaway', GOAWAY]],
  [28, ['error', REFUSAL]],
  [29, ['counters', COUNTERS]],
  [31, ['found', FOUND]],
  [32, ['signal', SIGNAL]],
] as [number, readonly [keyof ServerFrames, Message<object>]][]);

/** Encodes a whole `Frame`, with its length before it. */
export function encodeClientFrame<K extends keyof ClientFrames>(
  kind: K,
  body: Partial<ClientFrames[K]>,
): Uint8Array {
  const [field, message] = CLIENT_FRAMES[kind];
  const frame = new ByteWriter();
  frame.delimited(field, message.encode(body));
  const bytes = frame.finish();
  const whole = new ByteWriter();
  whole.varint(bytes.length);
  whole.bytes(bytes);
  return whole.finish();
}

/**
 * Decodes the body of a frame.
 * @returns undefined for a kind that only a newer server knows, and for CIM's frames
 * @throws {RangeError} when the bytes are not a valid frame
 */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame | undefined {
  const from = new ByteReader(bytes);
  let frame: ServerFrame | undefined;
  while (!from.done) {
    const [number, wire] = from.tag();
    const [kind, message] = wire === 2 ? (SERVER_FRAMES.get(number) ?? []) : [];
    if (kind === undefined || message === undefined) from.skip(number, wire);
    else frame = { kind, body: message.decode(from.delimited()) } as ServerFrame;
  }
  return frame;
}

export const encodeContent = (content: Partial<Content>): Uint8Array => CONTENT.encode(content);

/** Decodes a content; undefined when the bytes are not a valid content. */
export function decodeContent(bytes: Uint8Array): Content | undefined {
  try {
    return CONTENT.decode(bytes);
  } catch {
    return undefined;
  }
}
