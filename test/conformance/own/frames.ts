/**
 * The frames of our own wire, written after docs/protocol.md and cim.proto without their generated code. A field
 * that has its default is absent, whichever way it came.
 */
import { bytesField, cimDelimited, fieldsOf, numberField, type RawField, utf8 } from '@cim/testkit/raw';

export type Value = number | string | boolean | Buffer | Fields | readonly (Fields | string)[];
export interface Fields {
  readonly [name: string]: Value | undefined;
}

type Kind = 'number' | 'text' | 'flag' | 'bytes' | MessageName | readonly [MessageName | 'text'];
type Shape = Readonly<Record<string, readonly [field: number, kind: Kind]>>;

const to = [1, 'number'] as const;
const group = [2, 'text'] as const;
const producer = [3, 'text'] as const;
const counter = [4, 'number'] as const;
const stream = { to, group, producer } as const;

/** Fields of each message, with their numbers. */
const SHAPES = {
  login: { userId: [1, 'number'], ticket: [2, 'text'], agent: [3, 'text'], level: [4, 'number'] },
  welcome: {
    userId: [1, 'number'],
    epoch: [2, 'number'],
    idleTimeoutMs: [3, 'number'],
    instance: [4, 'text'],
  },
  send: { ...stream, counter, content: [5, 'content'], again: [6, 'flag'] },
  receipt: {
    ...{ ...stream, counter, outcome: [5, 'number'], seq: [6, 'number'], last: [7, 'number'] },
    ...{
      code: [8, 'text'],
      text: [9, 'text'],
      copy: [10, 'number'],
      n: [11, 'number'],
      afterMs: [12, 'number'],
    },
  },
  delivered: { to, seq: [2, 'number'] },
  deliver: { group: [1, 'text'], entries: [2, ['entry']] },
  ack: { group: [1, 'text'], seq: [2, 'number'], held: [3, 'number'] },
  resume: { cursors: [1, ['cursor']], groups: [2, 'flag'] },
  resumed: { streams: [1, ['resumedStream']] },
  ping: {},
  pong: {},
  goaway: { reason: [1, 'number'], text: [2, 'text'], reconnect: [3, 'flag'], afterMs: [4, 'number'] },
  error: { code: [1, 'text'], text: [2, 'text'] },
  counters: { counters: [1, ['counter']] },
  find: stream,
  found: { ...stream, last: [4, 'number'], oldestAt: [5, 'number'] },
  signal: {
    kind: [1, 'number'],
    to: [2, 'number'],
    group: [3, 'text'],
    sender: [4, 'number'],
    senderName: [5, 'text'],
  },
  // Parts of the others.
  content: { texts: [1, ['text']], type: [2, 'text'], body: [3, 'bytes'], ref: [4, 'text'] },
  counter: { ...stream, counter, seq: [5, 'number'], unknown: [6, 'flag'] },
  cursor: { group: [1, 'text'], seq: [2, 'number'], id: [3, 'text'] },
  resumedStream: {
    ...{ group: [1, 'text'], answer: [2, 'number'], from: [3, 'number'] },
    ...{ to: [4, 'number'], id: [5, 'text'] },
  },
  entry: {
    ...{ seq: [1, 'number'], prev: [2, 'text'], storedAt: [3, 'number'], sender: [4, 'number'] },
    ...{ senderName: [5, 'text'], producer: [6, 'text'], counter: [7, 'number'], content: [8, 'bytes'] },
    n: [9, 'number'],
  },
} as const;

type MessageName = keyof typeof SHAPES;
const shapeOf = (name: MessageName): Shape => SHAPES[name] as Shape;

/** Field of `Frame` for each body. */
const BODIES = {
  ...{ login: 16, welcome: 17, send: 18, receipt: 19, delivered: 20, deliver: 21, ack: 22, resume: 23 },
  ...{
    resumed: 24,
    ping: 25,
    pong: 26,
    goaway: 27,
    error: 28,
    counters: 29,
    find: 30,
    found: 31,
    signal: 32,
  },
} as const;

export type BodyName = keyof typeof BODIES;

/** A frame of our wire. `body` is '' when its body is one that the documents do not have. */
export interface OwnFrame {
  readonly body: BodyName | '';
  readonly fields: Fields;
}

/** A frame with its length. */
export const ownFrame = (body: BodyName, fields: Fields = {}): Buffer => cimDelimited(ownBody(body, fields));

/** A frame without its length. */
export const ownBody = (body: BodyName, fields: Fields = {}): Buffer =>
  bytesField(BODIES[body], encode(body, fields));

/** The content of an entry. */
export const contentOf = (bytes: Buffer): Fields => decode('content', bytes);

export function parseOwnFrame(bytes: Buffer): OwnFrame {
  const [first] = fieldsOf(bytes);
  if (first === undefined || first.field < 16)
    throw new Error(`a frame of CIM's wire came on our own wire: ${bytes.toString('hex')}`);
  const body = (Object.keys(BODIES) as BodyName[]).find((name) => BODIES[name] === first.field);
  return body === undefined ? { body: '', fields: {} } : { body, fields: decode(body, first.bytes) };
}

function encode(name: MessageName, fields: Fields): Buffer {
  const shape = shapeOf(name);
  const numbered = Object.entries(fields).flatMap(([key, value]) => {
    const [number, kind] = shape[key] ?? [];
    if (number === undefined || kind === undefined) throw new Error(`${name} has no field ${key}`);
    return value === undefined ? [] : [{ number, kind, value }];
  });
  return Buffer.concat(
    numbered
      .sort((a, b) => a.number - b.number)
      .map(({ number, kind, value }) => encodeField(number, kind, value)),
  );
}

function encodeField(number: number, kind: Kind, value: Value): Buffer {
  if (kind === 'number' || kind === 'flag') return numberField(number, Number(value));
  if (typeof kind === 'object') {
    const items = value as readonly (Fields | string)[];
    return Buffer.concat(items.map((item) => bytesField(number, bytesOf(kind[0], item))));
  }
  const bytes = bytesOf(kind, value);
  return bytes.length === 0 && (kind === 'text' || kind === 'bytes') ? bytes : bytesField(number, bytes);
}

function bytesOf(kind: 'text' | 'bytes' | MessageName, value: Value): Buffer {
  if (kind === 'text') return Buffer.from(value as string);
  return kind === 'bytes' ? (value as Buffer) : encode(kind, value as Fields);
}

function decode(name: MessageName, bytes: Buffer): Fields {
  const shape = Object.entries(shapeOf(name));
  const fields: Record<string, Value> = {};
  for (const field of fieldsOf(bytes)) {
    const [key, [, kind] = []] = shape.find(([, [number]]) => number === field.field) ?? [];
    // Later versions add fields.
    if (key === undefined || kind === undefined) continue;
    if (typeof kind === 'object') {
      const before = (fields[key] ?? []) as readonly (Fields | string)[];
      const items: readonly (Fields | string)[] = [...before, decodeField(kind[0], field) as Fields | string];
      fields[key] = items;
    } else {
      const value = decodeField(kind, field);
      if (value !== 0 && value !== '' && value !== false) fields[key] = value;
    }
  }
  return fields;
}

function decodeField(kind: Exclude<Kind, object>, { number, bytes }: RawField): Value {
  if (kind === 'number') return number;
  if (kind === 'flag') return number !== 0;
  if (kind === 'text') return utf8.decode(bytes);
  return kind === 'bytes' ? Buffer.from(bytes) : decode(kind, bytes);
}
