/**
 * Encodes and decodes `Entry` of cim.proto by hand. Each message is encoded and decoded at least once, and
 * the generated code costs four times as much.
 */
import { cim } from './generated.ts';
import { WireReader } from './wire-reader.ts';
import { FIELD_BYTES, writeBytes, writeId, writeNumber } from './wire-writer.ts';

/** The decoded fields of an entry. */
export interface EncodableEntry {
  readonly seq: number;
  readonly prev: string;
  readonly storedAt: number;
  readonly sender: { readonly userId: number; readonly userName: string };
  readonly producer: string;
  readonly counter: number;
  readonly content: Uint8Array;
  /** The number of entries up to this one in the stream that count as unread. */
  readonly n: number;
}

/** A decoded entry with the bytes it was decoded from; `content` is a view of them. */
export interface DecodedEntry extends EncodableEntry {
  readonly wire: Uint8Array;
}

const FIELDS = 9;
const NOTHING = new Uint8Array();
const READER = new WireReader();

/** Encodes an entry. @param headroom free bytes before the entry, for the caller to write into */
export function encodeEntry(entry: EncodableEntry, headroom = 0): Buffer {
  const { prev, producer, content } = entry;
  const { userId, userName } = entry.sender;
  const nameBytes = Buffer.byteLength(userName);
  const most = headroom + FIELDS * FIELD_BYTES;
  const bytes = Buffer.allocUnsafe(most + prev.length + nameBytes + producer.length + content.length);
  let at = writeNumber(bytes, headroom, 0x08, entry.seq);
  at = writeId(bytes, at, 0x12, prev);
  at = writeNumber(bytes, at, 0x18, entry.storedAt);
  at = writeNumber(bytes, at, 0x20, userId);
  at = writeNumber(bytes, at, 0x2a, nameBytes);
  at += bytes.write(userName, at);
  at = writeId(bytes, at, 0x32, producer);
  at = writeNumber(bytes, at, 0x38, entry.counter);
  at = writeBytes(bytes, at, 0x42, content);
  if (entry.n !== 0) at = writeNumber(bytes, at, 0x48, entry.n);
  return bytes.subarray(0, at);
}

/**
 * The entry as it is on the wire, between servers and to clients alike. An entry from another server keeps
 * the bytes it came as.
 */
export const entryBytes = (entry: EncodableEntry & { readonly wire?: Uint8Array | undefined }): Uint8Array =>
  entry.wire ?? encodeEntry(entry);

/** Decodes an entry. @throws when the bytes are not a valid entry */
export function decodeEntry(wire: Uint8Array): DecodedEntry {
  READER.open(wire);
  let [seq, storedAt, userId, counter, n] = [0, 0, 0, 0, 0];
  let [prev, userName, producer] = ['', '', ''];
  let content: Uint8Array = NOTHING;
  for (let tag = READER.tag(); tag !== 0; tag = READER.tag()) {
    if (tag === 0x08) seq = READER.number();
    else if (tag === 0x12) prev = READER.text();
    else if (tag === 0x18) storedAt = READER.number();
    else if (tag === 0x20) userId = READER.number();
    else if (tag === 0x2a) userName = READER.knownText();
    else if (tag === 0x32) producer = READER.knownText();
    else if (tag === 0x38) counter = READER.number();
    else if (tag === 0x42) content = READER.bytes();
    else if (tag === 0x48) n = READER.number();
    else READER.giveUp();
  }
  if (READER.unfamiliar) {
    const entry = cim.Entry.decode(wire);
    ({ seq, prev, storedAt, sender: userId, senderName: userName, producer, counter, content, n } = entry);
  }
  return { seq, prev, storedAt, sender: { userId, userName }, producer, counter, content, n, wire };
}
