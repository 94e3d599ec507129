import type { CimClient } from '@cim/client/node';
import type { Screen } from '../screen/screen.ts';

/** A mark is moved this long after a message was shown [ms]. Messages that are shown meanwhile share the call. */
const READ_AFTER_MS = 1_000;

/** Moves the read marks of the user to what the screen has shown. */
export class ReadMarks {
  readonly #client: CimClient;
  readonly #screen: Pick<Screen, 'interactive'>;
  /** Key: conversation. n of the newest message shown that is not marked as read yet. */
  readonly #shown = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ client, screen }: { readonly client: CimClient; readonly screen: Screen }) {
    this.#client = client;
    this.#screen = screen;
  }

  /** A message is on the screen. A pipe shows nothing to anybody, and moves no mark. */
  shown(conversation: string, n: number): void {
    if (!this.#screen.interactive || n === 0) return;
    this.#shown.set(conversation, Math.max(n, this.#shown.get(conversation) ?? 0));
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#write();
    }, READ_AFTER_MS);
  }

  /** Writes marks that wait. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#write();
  }

  async #write(): Promise<void> {
    const shown = [...this.#shown];
    this.#shown.clear();
    for (const [conversation, n] of shown) {
      // A mark that is not written is written with the next message.
      await this.#client
        .conversation(conversation)
        .read(n)
        .catch(() => undefined);
    }
  }
}
