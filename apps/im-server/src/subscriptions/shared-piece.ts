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
import { type Leavers, leaversOf } from './leavers.ts';
import { forLevel0 } from './level0.ts';

/**
 * Entries of a group on their way to many sessions, one or several that follow each other: each wire's bytes are made
 * once, when the first asks; on our own wire a session that takes them all writes them at once.
 */
export class SharedPiece {
  readonly entries: readonly Entry[];
  /** Of the first entry. */
  readonly from: Seq;
  /** Of the entry before it. */
  readonly prev: MessageId;
  /** Of the last entry. */
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

  /** A frame for each entry. */
  get own(): Uint8Array {
    this.#own ??= joined(this.entries.map((entry) => deliverFrame(this.#group, entryBytes(entry))));
    return this.#own;
  }

  /** The same for clients of level 0. */
  get ownLevel0(): Uint8Array {
    if (this.#ownLevel0 !== undefined) return this.#ownLevel0;
    const entries = this.entries.map(forLevel0);
    this.#ownLevel0 = entries.every((entry, i) => entry === this.entries[i])
      ? this.own
      : joined(entries.map((entry) => deliverFrame(this.#group, entryBytes(entry))));
    return this.#ownLevel0;
  }

  /** What a CIM client is shown of each entry; [] for nothing. */
  get texts(): readonly (readonly string[])[] {
    this.#texts ??= this.entries.map(({ content }) => cimTextsOf(content));
    return this.#texts;
  }

  /** Who is no member of the group any more after this piece; undefined: everybody who was. Such an entry is a piece by itself. */
  get leavers(): Leavers | undefined {
    this.#leavers ??= this.#findLeavers() ?? 'none';
    return this.#leavers === 'none' ? undefined : this.#leavers;
  }

  #findLeavers(): Leavers | undefined {
    if (policyOf(groupStream(this.#group)).readers !== 'members') return undefined;
    const [entry] = this.entries;
    return entry && this.entries.length === 1 ? leaversOf(entry) : undefined;
  }
}

/** What a CIM client is shown of an entry. */
export function cimTextsOf(content: Uint8Array): readonly string[] {
  const decoded = cim.Content.decode(content);
  return contentType(decoded.type).cimTexts(decoded);
}

const joined = ([first = new Uint8Array(), ...more]: readonly Uint8Array[]): Uint8Array =>
  more.length === 0 ? first : Buffer.concat([first, ...more]);
