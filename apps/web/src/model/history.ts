import type { CimClient } from '@cim/client/browser';
import type { Conversation } from './conversation.ts';
import type { Person } from './shown.ts';

const PAGE = 50;
/** Pages of history that one search reads at most. */
const SEARCH_PAGES = 60;

export interface HistoryEvents {
  /** A page has come, or was asked for. */
  onChange(): void;
  onFailed(error: unknown): void;
}

/** Reads the history of conversations, page by page. */
export class History {
  readonly #client: CimClient;
  readonly #me: Person;
  readonly #events: HistoryEvents;

  constructor(client: CimClient, me: Person, events: HistoryEvents) {
    this.#client = client;
    this.#me = me;
    this.#events = events;
  }

  /** Reads the newest page of a conversation, unless that is done or there is no connection. */
  async begin(conversation: Conversation): Promise<void> {
    if (conversation.loaded || conversation.loading || !this.#client.online) return;
    await this.#reading(conversation, async () => {
      const calls = this.#client.conversation(conversation.id);
      const [page, info] = await Promise.all([calls.messages({ limit: PAGE }), calls.info()]);
      conversation.begin(page, this.#me.id);
      conversation.learn(info, this.#me.id);
    });
  }

  /** Reads an older page of a conversation. @returns whether there is more */
  async older(conversation: Conversation): Promise<boolean> {
    const { older, loading } = conversation;
    if (older === undefined || loading) return false;
    const wasRead = await this.#reading(conversation, async () => {
      const query = { before: older, limit: 2 * PAGE };
      conversation.addOlder(await this.#client.conversation(conversation.id).messages(query), this.#me.id);
    });
    return wasRead && conversation.hasOlder;
  }

  /**
   * Reads older pages until a further line holds the word. @returns whether one does
   * @param isWanted false ends the search early
   */
  async search(conversation: Conversation, word: string, isWanted: () => boolean): Promise<boolean> {
    const before = linesWith(conversation, word).length;
    for (let page = 0; page < SEARCH_PAGES && isWanted(); page++) {
      const more = await this.older(conversation);
      if (linesWith(conversation, word).length > before) return true;
      if (!more) return false;
    }
    return false;
  }

  /** A page that stays open for long keeps the newest lines only; older ones can be read again. */
  cut(conversation: Conversation): void {
    conversation.keepNewest(PAGE);
  }

  async #reading(conversation: Conversation, read: () => Promise<void>): Promise<boolean> {
    conversation.loading = true;
    try {
      await read();
      return true;
    } catch (error) {
      this.#events.onFailed(error);
      return false;
    } finally {
      conversation.loading = false;
      this.#events.onChange();
    }
  }
}

/** Keys of the lines that hold the word, newest first. */
export function linesWith({ lines }: Conversation, word: string): string[] {
  const wanted = word.toLocaleLowerCase();
  return lines
    .filter(({ texts }) => texts.some((one) => one.toLocaleLowerCase().includes(wanted)))
    .map(({ key }) => key)
    .reverse();
}
