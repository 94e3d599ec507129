/**
 * Encodes and decodes protobuf messages by a table of their fields. A client has few and small messages. This
 * code is a fraction of the size of the generated code with its library, which would be half of what a
 * browser loads.
 */

/** Bytes of the longest number: below 2^53, seven bits a byte. */
const NUMBER_BYTES = 8;
/** Bytes of the longest valid varint, in a field that is not known here. */
const VARINT_BYTES = 10;
/** Bytes of the longest tag or length: below 2^32. */
const SHORT_BYTES = 5;
/** Deepest nesting of groups in fields that are not known here. */
const GROUPS = 100;
const [VARINT, FIXED_64, DELIMITED, GROUP, GROUP_END, FIXED_32] = [0, 1, 2, 3, 4, 5];
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NOTHING = new Uint8Array();

/** A buffer that grows as it is written to. */
export class ByteWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  varint(value: number): void {
    this.#reserve(VARINT_BYTES);
    let rest = value;
    // Shifts end at 31 bits, so the code divides.
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes the tag of a field with a length, the length, and the bytes. */
  delimited(field: number, bytes: Uint8Array): void {
    this.varint(field * 8 + DELIMITED);
    this.varint(bytes.length);
    this.bytes(bytes);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/**
 * Reads fields that any protobuf encoder has written. Throws a `RangeError` when the bytes end too early or
 * are not valid.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Reads a number below 2^53. */
  number(): number {
    const value = this.#varint(NUMBER_BYTES);
    if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is not below 2^53');
    return value;
  }

  /** Reads a tag. @returns the number of the field, and its wire type */
  tag(): readonly [field: number, wire: number] {
    const tag = this.#short();
    const field = Math.floor(tag / 8);
    if (field === 0) throw new RangeError('there is no field 0');
    return [field, tag % 8];
  }

  /** Reads the bytes of a field with a length. The result is a view. */
  delimited(): Uint8Array {
    const length = this.#short();
    if (length > this.#bytes.length - this.#at) throw new RangeError('the bytes of a field are missing');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    const bytes = this.delimited();
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new RangeError('a text is not UTF-8');
    }
  }

  /** Skips the value of a field that is not known here. */
  skip(field: number, wire: number, depth = 0): void {
    if (wire === VARINT) {
      for (let i = 0; i < VARINT_BYTES; i++) if (this.#byte() < 0x80) return;
      throw new RangeError('a number is longer than 10 bytes');
    }
    if (wire === DELIMITED) this.delimited();
    else if (wire === GROUP) this.#skipGroup(field, depth + 1);
    else if (wire === FIXED_64 || wire === FIXED_32)
      for (let i = wire === FIXED_64 ? 8 : 4; i > 0; i--) this.#byte();
    else throw new RangeError(`there is no wire type ${wire} here`);
  }

  #skipGroup(field: number, depth: number): void {
    if (depth > GROUPS) throw new RangeError('groups are nested too deep');
    for (;;) {
      const [inner, wire] = this.tag();
      if (wire !== GROUP_END) this.skip(inner, wire, depth);
      else if (inner === field) return;
      else throw new RangeError('the end of a group is that of another');
    }
  }

  #short(): number {
    const value = this.#varint(SHORT_BYTES);
    if (value >= 2 ** 32) throw new RangeError('a tag or a length is not below 2^32');
    return value;
  }

  #varint(most: number): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < most; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError(`a number is longer than ${most} bytes`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('the bytes of a field are missing');
    return byte;
  }
}

/** A field of a message: its number in cim.proto, and how its value is written and read. */
export interface Field<T> {
  readonly number: number;
  readonly wire: number;
  /** The value of an absent field. A field with this value is not written. */
  readonly none: T;
  write(into: ByteWriter, value: T): void;
  /** @param before the value read so far: of a list, its items */
  read(from: ByteReader, before: T): T;
}

export const numberField = (number: number): Field<number> => ({
  number,
  wire: VARINT,
  none: 0,
  write(into, value) {
    into.varint(number * 8 + VARINT);
    into.varint(value);
  },
  read: (from) => from.number(),
});

export const flagField = (number: number): Field<boolean> => ({
  number,
  wire: VARINT,
  none: false,
  write(into) {
    into.varint(number * 8 + VARINT);
    into.varint(1);
  },
  read: (from) => from.number() !== 0,
});

export const textField = (number: number): Field<string> => ({
  number,
  wire: DELIMITED,
  none: '',
  write: (into, value) => into.delimited(number, new TextEncoder().encode(value)),
  read: (from) => from.text(),
});

export const bytesField = (number: number): Field<Uint8Array> => ({
  number,
  wire: DELIMITED,
  none: NOTHING,
  write: (into, value) => {
    if (value.length > 0) into.delimited(number, value);
  },
  read: (from) => from.delimited(),
});

const EMPTY: readonly never[] = [];

/** The list with one more item. Only the first item makes a new list. */
function append<T>(list: readonly T[], item: T): readonly T[] {
  if (list === EMPTY) return [item];
  (list as T[]).push(item);
  return list;
}

export const textsField = (number: number): Field<readonly string[]> => ({
  number,
  wire: DELIMITED,
  none: EMPTY,
  write(into, values) {
    for (const value of values) into.delimited(number, new TextEncoder().encode(value));
  },
  read: (from, before) => append(before, from.text()),
});

export const listField = <M extends object>(number: number, message: Message<M>): Field<readonly M[]> => ({
  number,
  wire: DELIMITED,
  none: EMPTY,
  write(into, values) {
    for (const value of values) into.delimited(number, message.encode(value));
  },
  read: (from, before) => append(before, message.decode(from.delimited())),
});

/** A kind of message. The decoder skips fields that it does not know, since a newer server may send them. */
export class Message<M extends object> {
  readonly #fields: readonly (readonly [string, Field<unknown>])[];
  readonly #byNumber: ReadonlyMap<number, readonly [string, Field<unknown>]>;

  constructor(fields: { readonly [K in keyof M]: Field<M[K]> }) {
    this.#fields = Object.entries(fields);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
  }

  encode(message: Partial<M>): Uint8Array {
    const into = new ByteWriter();
    const values = message as Readonly<Record<string, unknown>>;
    for (const [name, field] of this.#fields) {
      const value = values[name];
      if (value !== undefined && value !== field.none) field.write(into, value);
    }
    return into.finish();
  }

  /** Decodes a message. @throws {RangeError} when the bytes are not a valid message of this kind */
  decode(bytes: Uint8Array): M {
    const message: Record<string, unknown> = {};
    for (const [name, { none }] of this.#fields) message[name] = none;
    const from = new ByteReader(bytes);
    while (!from.done) {
      const [number, wire] = from.tag();
      const [name, field] = this.#byNumber.get(number) ?? [];
      if (name === undefined || field?.wire !== wire) from.skip(number, wire);
      else message[name] = field.read(from, message[name]);
    }
    return message as M;
  }
}
