import { CimError } from '@cim/protocol';
import type { Message } from './events.ts';

/**
 * Messages for a `for await` loop. A message is processed when the loop asks for the next one. The message at
 * which a loop was left, by `break` or by an error, is the first one of the next loop.
 */
export class MessageLoop {
  /** Messages in the order offered. The first one is removed when it is processed. */
  readonly #waiting: { readonly message: Message; readonly processed: () => void }[] = [];
  #wake: () => void = () => undefined;
  #running = false;
  #ended = false;

  /** A listener for messages: resolves when a loop has finished with the message. */
  offer(message: Message): Promise<void> {
    return new Promise((processed) => {
      this.#waiting.push({ message, processed });
      this.#wake();
    });
  }

  /** The client is closed: the loop ends when it asks for the next message. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** @param signal ends the loop when it asks for the next message */
  async *run(signal: AbortSignal | undefined): AsyncGenerator<Message, void, undefined> {
    if (this.#running) throw new CimError('invalid', 'a loop over messages() is running already');
    this.#running = true;
    const wake = (): void => this.#wake();
    signal?.addEventListener('abort', wake);
    try {
      while (!this.#ended && signal?.aborted !== true) {
        const [first] = this.#waiting;
        if (first === undefined) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          continue;
        }
        yield first.message;
        this.#waiting.shift();
        first.processed();
      }
    } finally {
      this.#running = false;
      signal?.removeEventListener('abort', wake);
    }
  }
}
