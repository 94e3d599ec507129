import { entryToBytes } from '@cim/delivery';
import { cim, deliverFrame, type GroupId, type MessageId } from '@cim/protocol';
import { type Entry, entryId } from '@cim/store';

/** A group's entry on its way to many sessions: each wire's bytes are made once, when the first asks. */
export class SharedFrame {
  readonly entry: Entry;
  readonly id: MessageId;
  readonly #group: GroupId;
  #own: Uint8Array | undefined;
  #texts: readonly string[] | undefined;

  constructor(group: GroupId, entry: Entry) {
    this.#group = group;
    this.entry = entry;
    this.id = entryId(entry);
  }

  get own(): Uint8Array {
    this.#own ??= deliverFrame(this.#group, entryToBytes(this.entry));
    return this.#own;
  }

  get texts(): readonly string[] {
    this.#texts ??= cim.Content.decode(this.entry.content).texts;
    return this.#texts;
  }
}
