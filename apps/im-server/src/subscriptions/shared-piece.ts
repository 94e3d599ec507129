import {
  cim,
  contentType,
  deliverFrame,
  entryBytes,
  type GroupId,
  groupStream,
  type MessageId,
  type Seq,
} from '@cim/protocol';
import { type Entry, entryId, policyOf } from '@cim/store';
import { type Leavers, leaversBy } from './leavers.ts';
import { forLevel0 } from './level0.ts';

/**
 * One or several consecutive entries of a group on their way to many sessions. The bytes for each wire are
 * made once, when the first session needs them. On our own wire a session writes the whole piece at once.
 */
export class SharedPiece {
  readonly entries: readonly Entry[];
  /** Seq of the first entry. */
  readonly from: Seq;
  /** Id of the entry before the first one. */
  readonly prev: MessageId;
  /** Seq of the last entry. */
  readonly to: Seq;
  readonly id: MessageId;
  readonly contentBytes: number;
  readonly #group: GroupId;
  #leavers: Leavers | 'none' | undefined;
  #own: Uint8Array | undefined;
  #ownLevel0: Uint8Array | undefined;
  #texts: readonly (readonly string[])[] | undefined;

  constructor(group: GroupId, first: Entry, ...more: readonly Entry[]) {
    const last = more.at(-1) ?? first;
    this.#group = group;
    this.entries = [first, ...more];
    this.from = first.seq;
    this.prev = first.prev;
    this.to = last.seq;
    this.id = entryId(last);
    this.contentBytes = this.entries.reduce((sum, { content }) => sum + content.length, 0);
  }

  /** The entries on our own wire, a frame each. */
  get own(): Uint8Array {
    this.#own ??= exact(joined(this.entries.map((entry) => deliverFrame(this.#group, entryBytes(entry)))));
    return this.#own;
  }

  /** The same for clients of level 0. */
  get ownLevel0(): Uint8Array {
    if (this.#ownLevel0 !== undefined) return this.#ownLevel0;
    const entries = this.entries.map(forLevel0);
    this.#ownLevel0 = entries.every((entry, i) => entry === this.entries[i])
      ? this.own
      : exact(joined(entries.map((entry) => deliverFrame(this.#group, entryBytes(entry)))));
    return this.#ownLevel0;
  }

  /** The texts that a CIM client shows for each entry; [] for none. */
  get texts(): readonly (readonly string[])[] {
    this.#texts ??= this.entries.map(({ content }) => cimTextsOf(content));
    return this.#texts;
  }

  /**
   * The users whose membership the piece ends; undefined for none. An entry that ends memberships is a piece
   * of its own.
   */
  get leavers(): Leavers | undefined {
    this.#leavers ??= this.#findLeavers() ?? 'none';
    return this.#leavers === 'none' ? undefined : this.#leavers;
  }

  #findLeavers(): Leavers | undefined {
    if (policyOf(groupStream(this.#group)).readers !== 'members') return undefined;
    const [entry] = this.entries;
    return entry && this.entries.length === 1 ? leaversBy(entry) : undefined;
  }
}

/**
 * The same entry in memory of its own. A log keeps its newest entries for as long as the group is quiet, and the
 * bytes of an entry are a view of all that a socket had read at once, up to 64 KiB.
 */
export function exactEntry(entry: Entry): Entry {
  const { content, wire } = entry;
  if (wire === undefined) return { ...entry, content: exact(content) };
  const own = exact(wire);
  const at = content.byteOffset - wire.byteOffset;
  const isInside = content.buffer === wire.buffer && at >= 0 && at + content.length <= wire.length;
  return { ...entry, wire: own, content: isInside ? own.subarray(at, at + content.length) : exact(content) };
}

/** The bytes in a buffer of their own length. */
function exact(bytes: Uint8Array): Uint8Array {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** The texts that a CIM client shows for an entry. */
export function cimTextsOf(content: Uint8Array): readonly string[] {
  const decoded = cim.Content.decode(content);
  return contentType(decoded.type).cimTexts(decoded);
}

const joined = ([first = new Uint8Array(), ...more]: readonly Uint8Array[]): Uint8Array =>
  more.length === 0 ? first : Buffer.concat([first, ...more]);
