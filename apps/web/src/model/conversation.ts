import type { ConversationInfo, MessagePage } from '@cim/client/browser';
import { type Person, type Shown, shownOf, withProgress } from './shown.ts';

/** How long "is typing" stays after the last signal [ms]. */
export const TYPING_MS = 5_000;

/** One conversation as the page has it. Its owner is the chat, which tells the views of changes. */
export class Conversation {
  readonly id: string;
  name: string;
  unread = 0;
  /** Marks everything as read. */
  n = 0;
  /** Where this page has set the read mark. */
  marked = 0;
  /** The other side has read own messages that were stored with an `n` up to this. */
  peerRead = 0;
  /** Of the newest message, for the list; ms since 1970, 0 when there is none. */
  lastAt = 0;
  lastText = '';
  lastOwn = false;
  /** Name of its sender, in a group. */
  lastFrom = '';
  /** Oldest first. Empty until the conversation was opened. */
  lines: readonly Shown[] = [];
  /** The newest page was read, and lines that come are added to it. */
  loaded = false;
  loading = false;
  /** Cursor of older messages; undefined: there are none. */
  older: string | undefined;
  /** This user has just made the group. */
  isNew = false;
  /** What was typed and not sent. */
  draft = '';
  /** The first line that was not read when the conversation was opened last. */
  firstUnread: string | undefined;
  /** Key: user. When it was last heard to type [ms since 1970]. */
  readonly #typing = new Map<number, { readonly name: string; readonly at: number }>();

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  get isGroup(): boolean {
    return this.id.startsWith('g');
  }

  get hasOlder(): boolean {
    return this.older !== undefined;
  }

  get isLobby(): boolean {
    return this.id === 'globby';
  }

  /** Takes over what the server says of it. */
  learn(info: ConversationInfo, me: number): void {
    this.name = info.name;
    this.unread = info.unread;
    this.n = Math.max(this.n, info.n);
    this.readByPeer(info.peerRead ?? 0);
    const { last } = info;
    if (last === undefined || last.storedAt < this.lastAt) return;
    this.lastAt = last.storedAt;
    this.lastText = last.recalled ? '' : last.texts.join(' ');
    this.lastOwn = last.from.userId === me;
    this.lastFrom = last.from.userName;
  }

  /** The newest page: lines that came meanwhile, or are still being sent, stay behind it. */
  begin(page: MessagePage, me: number): void {
    const lines = this.#mergedOf(page, me);
    const known = new Set(lines.map(({ id }) => id));
    const oldest = lines[0]?.at ?? 0;
    this.lines = [
      ...lines,
      ...this.lines.filter(({ at, id }) => id === undefined || (!known.has(id) && at >= oldest)),
    ];
    this.older = page.next;
    this.loaded = true;
    this.readByPeer(this.peerRead);
  }

  addOlder(page: MessagePage, me: number): void {
    const known = new Set(this.lines.map(({ id }) => id));
    const lines = page.items.filter(({ id }) => !known.has(id)).map((item) => shownOf(item, me));
    this.lines = [...lines, ...this.lines];
    this.older = page.next;
    this.readByPeer(this.peerRead);
  }

  add(line: Shown): void {
    if (line.id !== undefined && this.lines.some(({ id }) => id === line.id)) return;
    this.lines = [...this.lines, line];
  }

  /** A line that was sent is stored, and may have come with a page of history before. */
  stored(key: string, id: string, to: (line: Shown) => Shown): void {
    this.lines = this.lines.filter((line) => line.id !== id || line.key === key);
    this.change(
      (line) => line.key === key,
      (line) => to({ ...line, id }),
    );
  }

  /** Replaces the line that `is` finds, looking at the newest first. @returns whether there is one */
  change(is: (line: Shown) => boolean, to: (line: Shown) => Shown): boolean {
    const at = this.lines.findLastIndex(is);
    const line = this.lines[at];
    if (line === undefined) return false;
    this.lines = this.lines.with(at, to(line));
    return true;
  }

  remove(key: string): void {
    this.lines = this.lines.filter((line) => line.key !== key);
  }

  /** After the store has lost data, or too much was missed: the next opening reads it anew. */
  forget(): void {
    this.lines = this.lines.filter(({ id }) => id === undefined);
    this.loaded = false;
    this.older = undefined;
  }

  /** Leaves out what is older, which is to be read anew. What is not stored stays. */
  keepNewest(count: number): void {
    const from = this.lines.length - count;
    this.lines = this.lines.filter(({ id }, i) => i >= from || id === undefined);
    this.loaded = false;
    this.older = undefined;
  }

  /** The other side has read up to there: whatever this user said before that too. */
  readByPeer(n: number): void {
    this.peerRead = Math.max(this.peerRead, n);
    const newest = this.lines.findLastIndex(({ peerN = Infinity }) => peerN <= this.peerRead);
    if (newest < 0) return;
    this.lines = this.lines.map((line, i) =>
      i <= newest && line.own && line.id !== undefined && line.progress !== undefined
        ? withProgress(line, 'read')
        : line,
    );
  }

  hears(from: Person, now: number): void {
    this.#typing.set(from.id, { name: from.name, at: now });
  }

  /** A message of somebody who was typing has come. */
  hasSaid(user: number): void {
    this.#typing.delete(user);
  }

  /** Names of those who type now. */
  typing(now: number): string[] {
    for (const [user, { at }] of this.#typing) if (now - at >= TYPING_MS) this.#typing.delete(user);
    return [...this.#typing.values()].map(({ name }) => name);
  }

  /** What the page knows more of its own lines than the server says stays. */
  #mergedOf(page: MessagePage, me: number): Shown[] {
    const before = new Map(this.lines.map((line) => [line.id, line]));
    return page.items.map((item) => {
      const line = shownOf(item, me);
      const known = before.get(item.id);
      if (known === undefined) return line;
      const { key, progress, peerN } = known;
      return {
        ...line,
        key,
        ...(progress !== undefined && { progress }),
        ...(peerN !== undefined && { peerN }),
      };
    });
  }
}
