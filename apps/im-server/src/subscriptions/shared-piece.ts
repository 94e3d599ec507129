import { entryToBytes } from '@cim/delivery';
import { cim, deliverFrame, type GroupId, type MessageId, type Seq } from '@cim/protocol';
import { type Entry, entryId } from '@cim/store';

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
  #own: Uint8Array | undefined;
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
    this.#own ??= joined(this.entries.map((entry) => deliverFrame(this.#group, entryToBytes(entry))));
    return this.#own;
  }

  /** Of each entry. */
  get texts(): readonly (readonly string[])[] {
    this.#texts ??= this.entries.map(({ content }) => cim.Content.decode(content).texts);
    return this.#texts;
  }
}

const joined = ([first = new Uint8Array(), ...more]: readonly Uint8Array[]): Uint8Array =>
  more.length === 0 ? first : Buffer.concat([first, ...more]);
