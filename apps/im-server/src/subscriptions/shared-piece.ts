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

/** The texts that a CIM client shows for an entry. */
export function cimTextsOf(content: Uint8Array): readonly string[] {
  const decoded = cim.Content.decode(content);
  return contentType(decoded.type).cimTexts(decoded);
}

const joined = ([first = new Uint8Array(), ...more]: readonly Uint8Array[]): Uint8Array =>
  more.length === 0 ? first : Buffer.concat([first, ...more]);
