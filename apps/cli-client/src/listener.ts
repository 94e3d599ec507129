import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CimClient, ClientEvents } from '@cim/client/node';
import { CimError } from '@cim/protocol';

/** What a callback gets beside its event. */
export interface ListenerTools {
  readonly client: CimClient;
  /** Shows the person one line. */
  readonly print: (text: string) => void;
  /** Says something to a conversation, as if the person had typed it there. */
  readonly say: (conversation: string, text: string) => Promise<void>;
}

type Callback = (value: unknown, tools: ListenerTools) => unknown;

/**
 * Callbacks of an integrator: the exported functions of a module, each named as the event of the client that it is for. They
 * are awaited: a message counts as processed when its callback has ended, and one that failed is offered again.
 */
export class Listener {
  readonly #path: string;
  readonly #callbacks: readonly (readonly [string, Callback])[];

  private constructor(path: string, callbacks: readonly (readonly [string, Callback])[]) {
    this.#path = path;
    this.#callbacks = callbacks;
  }

  /** @throws {CimError} one line that says what is wrong with the module */
  static async load(path: string): Promise<Listener> {
    let module: Readonly<Record<string, unknown>>;
    try {
      module = (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw unusable(path, `it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
    }
    const exported = Object.entries(module);
    if (exported.length === 0)
      throw unusable(path, 'it exports nothing; export functions named as events, such as "message"');
    return new Listener(
      path,
      exported.map(([name, value]) => {
        if (typeof value === 'function') return [name, value as Callback];
        throw unusable(path, `it exports "${name}", which is no function`);
      }),
    );
  }

  /** Before the client connects. @throws {CimError} an exported function is named as no event */
  follow(client: CimClient, tools: ListenerTools): void {
    for (const [name, callback] of this.#callbacks)
      try {
        client.on(name as keyof ClientEvents, (value) => callback(value, tools));
      } catch (error) {
        throw unusable(this.#path, error instanceof Error ? error.message : String(error));
      }
  }
}

const unusable = (path: string, why: string): CimError =>
  new CimError('invalid', `the listener ${path}: ${why.split('\n', 1)[0] ?? ''}`);
