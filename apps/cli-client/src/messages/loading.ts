import type { CimClient, MessagePage, StoredMessage } from '@cim/client/node';
import type { UserId } from '@cim/protocol';
import type { Contacts } from './contacts.ts';
import type { Ignored } from '../options/ignored.ts';
import type { Online } from './online.ts';
import { LOBBY_CONVERSATION, type Screen } from '../screen/screen.ts';
import { type Names, storedText, titleOf } from '../screen/view.ts';
import type { Spoken } from '../screen/window/entry.ts';

const PAGE = 50;
/** Members that are asked for. */
const MEMBERS = 100;

export interface LoadingParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly contacts: Contacts;
  readonly online: Online;
  readonly names: Names;
  readonly ignored: Ignored;
}

/** Fetches what a full screen shows of a conversation beside what comes in by itself: older messages, and users. */
export class Loading {
  readonly #parts: LoadingParts;
  /** By conversation: its oldest page was asked for with this, or comes next with it; '' when there is none. */
  readonly #before = new Map<string, string>();
  /** Conversations that are being asked for. */
  readonly #asking = new Set<string>();

  constructor(parts: LoadingParts) {
    this.#parts = parts;
  }

  /** The person sees it: the newest page, once, and the users anew. */
  async shown(conversation: string): Promise<void> {
    if (!this.#before.has(conversation)) await this.#page(conversation, undefined);
    await this.#users(conversation).catch(() => undefined);
  }

  /** The person has scrolled to its beginning. */
  async older(conversation: string): Promise<void> {
    const before = this.#before.get(conversation);
    if (before !== undefined && before !== '') await this.#page(conversation, before);
  }

  async #page(conversation: string, before: string | undefined): Promise<void> {
    if (this.#asking.has(conversation)) return;
    this.#asking.add(conversation);
    const { client, contacts, screen, names, ignored } = this.#parts;
    try {
      const page = await client
        .conversation(conversation)
        .messages({ limit: PAGE, ...(before !== undefined && { before }) });
      for (const { from } of page.items) contacts.meet(from);
      const next = olderOf(page);
      this.#before.set(conversation, next);
      screen.learn(
        { conversation, title: titleOf(conversation, names) },
        {
          page: {
            items: page.items
              .filter(({ from }) => !ignored.has(from.userName))
              .map((message) => spokenOf(message, client.user?.userId)),
            more: next !== '',
          },
        },
      );
    } catch {
      // Away, or busy: it is asked again when the person comes back to it.
    } finally {
      this.#asking.delete(conversation);
    }
  }

  async #users(conversation: string): Promise<void> {
    const { client, screen, names, online } = this.#parts;
    if (!conversation.startsWith('g')) return;
    const users =
      conversation === LOBBY_CONVERSATION
        ? (await online.list()).users
        : (await client.groups.members(conversation.slice(1), { limit: MEMBERS })).items;
    screen.learn(
      { conversation, title: titleOf(conversation, names) },
      { users: users.map(({ userName }) => userName) },
    );
  }
}

const olderOf = ({ items, before }: MessagePage): string => (items.length === 0 ? '' : (before ?? ''));

/** A message of the history as it stands on the screen. */
export function spokenOf(message: StoredMessage, me: UserId | undefined): Spoken {
  const { id, n, from, storedAt: at, edited, recalled, reactions } = message;
  const { text, event } = storedText(message);
  return {
    kind: 'said',
    at,
    from: from.userName,
    own: from.userId === me,
    text,
    ...(event && { event }),
    id,
    n,
    edited,
    recalled,
    reactions: new Map(reactions.flatMap(({ reaction, users }) => users.map((user) => [user, reaction]))),
  };
}
