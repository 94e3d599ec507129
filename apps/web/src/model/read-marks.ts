import type { CimClient } from '@cim/client/browser';
import type { Conversation } from './conversation.ts';

/** Read marks move at most this often [ms]. */
const READ_EVERY_MS = 1_000;

/** Moves the read mark of the conversation whose end a person looks at. */
export class ReadMarks {
  readonly #client: CimClient;
  /** The conversation that is watched just now. */
  readonly #watched: () => Conversation | undefined;
  readonly #onChange: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: CimClient, watched: () => Conversation | undefined, onChange: () => void) {
    this.#client = client;
    this.#watched = watched;
    this.#onChange = onChange;
  }

  /** The watched conversation is read, as far as it goes; the mark moves soon. */
  moveSoon(): void {
    const conversation = this.#watched();
    if (conversation === undefined) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#move();
    }, READ_EVERY_MS);
    if (conversation.unread === 0) return;
    conversation.unread = 0;
    this.#onChange();
  }

  async #move(): Promise<void> {
    const conversation = this.#watched();
    if (conversation?.loaded !== true) return;
    const { n, marked } = conversation;
    if (n <= marked) return;
    try {
      await this.#client.conversation(conversation.id).read(n);
      conversation.marked = n;
    } catch {
      // The mark moves with the next message, or the next time somebody looks.
    }
  }
}
