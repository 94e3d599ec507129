import type {
  CimClient,
  ConversationInfo,
  GroupInfo,
  Offered,
  Recipient,
  StreamEvent,
} from '@cim/client/browser';
import { errorText } from '../errors.ts';
import { Conversation, TYPING_MS } from './conversation.ts';
import { History } from './history.ts';
import type { Kept } from './kept.ts';
import { OwnSends } from './own-sends.ts';
import { ReadMarks } from './read-marks.ts';
import { FRESH, type Person, recalledOf, type Shown, withReaction } from './shown.ts';

const LIST_PAGE = 100;
/** Pages of a list that are read at most. */
const LIST_PAGES = 10;
/** A conversation that is left with more lines, or gets more while another is open, is read anew when it is opened next. */
const LINES_KEPT = 1_000;
/** What is kept for a start without a network is written so long after a change [ms]. */
const KEEP_AFTER_MS = 300;

export type Link =
  | { readonly state: 'online' | 'connecting' }
  | { readonly state: 'away'; readonly text: string }
  | { readonly state: 'ended'; readonly reason: string; readonly text: string };

/** Something a person should know, that belongs to no conversation. */
export interface Notice {
  readonly kind: 'lost' | 'device' | 'memory' | 'error';
  readonly text: string;
}

export interface ChatEvents {
  /** Anything that is drawn has changed. */
  onChange(): void;
  /** A message of somebody else has come. */
  onMessage(line: Shown, conversation: Conversation): void;
}

/** What one user sees: its conversations and their lines, kept up to date by the events of the client. */
export class Chat {
  readonly client: CimClient;
  readonly me: Person;
  readonly #events: ChatEvents;
  readonly #kept: Kept;
  readonly #sends: OwnSends;
  readonly history: History;
  readonly #marks: ReadMarks;
  readonly #conversations = new Map<string, Conversation>();
  link: Link = { state: 'connecting' };
  notice: Notice | undefined;
  #open: Conversation | undefined;
  /** A person looks at the end of the open conversation. */
  #watched = false;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  #told = false;

  /** @param client connected: it knows who we are */
  constructor(client: CimClient, kept: Kept, events: ChatEvents) {
    const { user } = client;
    if (user === undefined) throw new Error('connect() comes first');
    this.me = { id: user.userId, name: user.userName };
    this.client = client;
    this.#kept = kept;
    this.#events = events;
    this.#sends = new OwnSends(
      this.me,
      (to) => this.#conversation(idOf(to), ''),
      (text) => this.tell('error', text),
    );
    this.history = new History(client, this.me, {
      onChange: () => this.#changed(),
      onFailed: (error) => this.tell('error', errorText(error)),
    });
    this.#marks = new ReadMarks(
      client,
      () => (this.#watched ? this.#open : undefined),
      () => this.#changed(),
    );
    this.#listen();
  }

  /** Newest first; everybody's at its own time. */
  get conversations(): readonly Conversation[] {
    return [...this.#conversations.values()].sort(
      (a, b) => b.lastAt - a.lastAt || (a.name < b.name ? -1 : 1),
    );
  }

  get open(): Conversation | undefined {
    return this.#open;
  }

  get unread(): number {
    return [...this.#conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Shows what is kept, then reads the list of conversations if there is a connection. */
  async start(): Promise<void> {
    for (const { id, name, ...kept } of await this.#kept.load())
      Object.assign(this.#conversation(id, name), kept);
    this.#conversation('globby', 'lobby');
    if (this.client.online) await this.#onConnected();
    this.#changed();
  }

  /** Opens a conversation and reads its newest page; undefined closes the open one. */
  async show(id: string | undefined, name = ''): Promise<void> {
    if (this.#open !== undefined && this.#open.lines.length > LINES_KEPT && this.#open.id !== id)
      this.#open.forget();
    const conversation = id === undefined ? undefined : this.#conversation(id, name);
    this.#open = conversation;
    this.#changed();
    if (conversation === undefined) return;
    const { unread } = conversation;
    conversation.firstUnread = undefined;
    await this.#load(conversation);
    const others = conversation.lines.filter(({ own, note }) => !own && note === undefined);
    if (unread > 0) conversation.firstUnread = others.at(-Math.min(unread, others.length))?.key;
    this.#changed();
  }

  /** Sends messages to the open conversation, each of the texts that it is given. */
  send(messages: readonly (readonly string[])[], about?: string): void {
    const conversation = this.#open;
    if (conversation === undefined) return;
    for (const [i, texts] of messages.entries()) this.#send(conversation, texts, i === 0 ? about : undefined);
  }

  /** Sends a message that was refused once more. */
  again(key: string): void {
    const conversation = this.#open;
    const line = conversation?.lines.find((one) => one.key === key);
    if (conversation === undefined || line === undefined) return;
    conversation.remove(key);
    this.#send(conversation, line.texts, line.ref);
  }

  drop(key: string): void {
    this.#open?.remove(key);
    this.#changed();
  }

  // Lines change when these are stored: see OwnSends.

  recall(id: string): void {
    if (this.#open !== undefined) void this.client.conversation(this.#open.id).recall(id);
  }

  edit(id: string, texts: readonly string[]): void {
    if (this.#open !== undefined) void this.client.conversation(this.#open.id).edit(id, texts);
  }

  react(id: string, reaction: string): void {
    const line = this.#open?.lines.find((one) => one.id === id);
    const has = line?.reactions.some((one) => one.reaction === reaction && one.users.includes(this.me.id));
    if (this.#open !== undefined)
      void this.client.conversation(this.#open.id).react(id, has === true ? '' : reaction);
  }

  /** This user is typing in the open conversation. */
  types(): void {
    if (this.#open !== undefined && !this.#open.isLobby) this.client.conversation(this.#open.id).typing();
  }

  /** Whether a person looks at the end of the open conversation: then what it shows is read. */
  watch(watched: boolean): void {
    this.#watched = watched;
    if (watched) this.#marks.moveSoon();
  }

  /** What is typed and not sent. */
  draft(conversation: Conversation, text: string): void {
    conversation.draft = text;
    this.#keepSoon();
  }

  /** This user is a member of the group now. @returns the id of its conversation */
  meet({ id, name }: GroupInfo, isNew: boolean): string {
    const conversation = this.#conversation(`g${id}`, name);
    conversation.isNew = isNew;
    conversation.lastAt = Math.max(conversation.lastAt, Date.now());
    this.#changed();
    return conversation.id;
  }

  /** The conversation is no longer one of this user's. */
  forget(id: string): void {
    this.#conversations.delete(id);
    if (this.#open?.id === id) this.#open = undefined;
    this.#changed();
  }

  /** Everybody who is online, this user too, by name. */
  async online(): Promise<Person[]> {
    const users = await this.client.onlineUsers();
    return users
      .map(({ userId, userName }) => ({ id: userId, name: userName }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async logOut(): Promise<void> {
    clearTimeout(this.#keepTimer);
    await this.client.logout();
    await this.#kept.remove();
  }

  tell(kind: Notice['kind'], text: string): void {
    this.notice = { kind, text };
    this.#changed();
  }

  dismiss(): void {
    this.notice = undefined;
    this.#changed();
  }

  #listen(): void {
    const { client } = this;
    for (const event of ['message', 'recalled', 'edited', 'reaction', 'members'] as const)
      client.on(event, (value) => this.#onEntry({ event, value } as StreamEvent));
    client.on('connected', () => void this.#onConnected());
    client.on('disconnected', ({ text }) => this.#setLink({ state: 'away', text }));
    client.on('closed', ({ reason, text }) => this.#setLink({ state: 'ended', reason, text }));
    client.on('typing', ({ from, conversation }) => {
      this.#conversations.get(conversation)?.hears({ id: from.userId, name: from.userName }, Date.now());
      this.#changed();
      setTimeout(() => this.#changed(), TYPING_MS);
    });
    client.on('read', ({ conversation, n, own }) => this.#onRead(conversation, n, own));
    client.on('queued', (queued) => {
      const conversation = this.#sends.queued(queued, Date.now());
      if (conversation !== undefined) this.#isNewest(conversation, Date.now(), queued.texts, true);
      this.#changed();
    });
    for (const event of ['stored', 'refused', 'unknown'] as const)
      client.on(event, (value) => {
        this.#sends[event](value as never);
        this.#changed();
      });
    client.on('delivered', ({ ref }) => {
      this.#sends.delivered(ref);
      this.#changed();
    });
    client.on('skipped', ({ stream, kind }) => {
      for (const one of this.#conversations.values())
        if (stream.startsWith('group:') ? one.id === `g${stream.slice('group:'.length)}` : !one.isGroup)
          one.forget();
      if (kind === 'reset') this.tell('lost', '');
      if (this.#open !== undefined) void this.#load(this.#open);
    });
    client.on('lost', () => this.tell('lost', ''));
    client.on('device', ({ device, label }) => this.tell('device', label === '' ? device : label));
  }

  async #onConnected(): Promise<void> {
    this.#setLink({ state: 'online' });
    try {
      await this.#readList();
      if (this.#open !== undefined) await this.#load(this.#open);
    } catch (error) {
      if (this.client.online) this.tell('error', errorText(error));
    }
  }

  #setLink(link: Link): void {
    this.link = link;
    this.#changed();
  }

  #onEntry({ event, value }: StreamEvent): void {
    const conversation = this.#conversation(value.conversation, nameFor(value));
    const from = { id: value.from.userId, name: value.from.userName };
    switch (event) {
      case 'message': {
        const { id, own, storedAt, n, texts, type, ref } = value;
        const line: Shown = {
          ...{ key: id, id, from, own, at: storedAt, texts, type, ...FRESH },
          ...(ref !== undefined && { ref }),
          ...(own && { progress: 'stored' as const }),
        };
        conversation.hasSaid(from.id);
        // The list may have counted it before it came.
        const isCounted = n <= conversation.n;
        conversation.n = Math.max(conversation.n, n);
        if (this.#isNewest(conversation, storedAt, texts, own)) conversation.lastFrom = from.name;
        conversation.add(line);
        this.#bound(conversation);
        if (own) conversation.unread = 0;
        else {
          if (this.#isWatched(conversation)) this.#marks.moveSoon();
          else if (!isCounted) conversation.unread++;
          this.#events.onMessage(line, conversation);
        }
        break;
      }
      case 'recalled':
        this.#change(conversation, value.ref, recalledOf);
        break;
      case 'edited':
        this.#change(conversation, value.ref, (line) => ({ ...line, texts: value.texts, edited: true }));
        break;
      case 'reaction':
        this.#change(conversation, value.ref, (line) => withReaction(line, value.reaction, from.id));
        break;
      case 'members': {
        const { id, storedAt, op, users, name } = value;
        if (name !== undefined) conversation.name = name;
        const isMe = users.some(({ userId }) => userId === this.me.id);
        if (op === 'disband' || ((op === 'remove' || op === 'leave') && isMe)) {
          this.forget(conversation.id);
          return;
        }
        const note = { op, users: users.map(({ userName }) => userName) };
        conversation.lastAt = Math.max(conversation.lastAt, storedAt);
        conversation.add({
          ...{ key: id, id, from, own: false, at: storedAt, texts: [], type: 'member', note, ...FRESH },
        });
        break;
      }
    }
    this.#changed();
  }

  /** A page that stays open for days keeps a bounded number of lines. */
  #bound(conversation: Conversation): void {
    const isOpen = conversation === this.#open;
    // Whoever reads far above the end, or searches there, keeps it for longer.
    const most = LINES_KEPT * (!isOpen ? 1 : this.#watched ? 2 : 20);
    if (conversation.lines.length <= most) return;
    this.history.cut(conversation);
    if (isOpen) void this.#load(conversation);
  }

  #change(conversation: Conversation, about: string, to: (line: Shown) => Shown): void {
    const isNewest = conversation.lines.at(-1)?.id === about;
    conversation.change(({ id }) => id === about, to);
    if (isNewest) conversation.lastText = conversation.lines.at(-1)?.texts.join(' ') ?? '';
  }

  #onRead(id: string, n: number, own: boolean): void {
    const conversation = this.#conversations.get(id);
    if (conversation === undefined) return;
    if (!own) {
      if (!conversation.isGroup) conversation.readByPeer(n);
    } else if (n >= conversation.n) conversation.unread = 0;
    else void this.#refresh(conversation);
    this.#changed();
  }

  #send(conversation: Conversation, texts: readonly string[], about: string | undefined): void {
    const { key } = this.#sends.line(conversation, texts, about, Date.now());
    this.#isNewest(conversation, Date.now(), texts, true);
    conversation.firstUnread = undefined;
    const sent = this.client
      .conversation(conversation.id)
      .send(about === undefined ? texts : { texts, ref: about });
    void sent.then((outcome) => {
      this.#sends.answered(key, outcome);
      this.#changed();
    });
    this.#changed();
  }

  async #load(conversation: Conversation): Promise<void> {
    await this.history.begin(conversation);
    if (this.#isWatched(conversation)) this.#marks.moveSoon();
  }

  async #readList(): Promise<void> {
    const pages = async <T>(
      read: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next?: string }>,
      learn: (item: T) => void,
    ) => {
      let cursor: string | undefined;
      for (let page = 0; page < LIST_PAGES; page++) {
        const { items, next } = await read(cursor);
        items.forEach(learn);
        if (next === undefined) return;
        cursor = next;
      }
    };
    await pages(
      (before) => this.client.conversations({ limit: LIST_PAGE, ...(before !== undefined && { before }) }),
      (info) => this.#learn(info),
    );
    await pages(
      (after) => this.client.groups.list({ limit: LIST_PAGE, ...(after !== undefined && { after }) }),
      ({ id, name }) => this.#conversation(`g${id}`, name),
    );
    this.#changed();
  }

  async #refresh(conversation: Conversation): Promise<void> {
    try {
      conversation.learn(await this.client.conversation(conversation.id).info(), this.me.id);
      this.#changed();
    } catch {
      // The next message, or the next connection, brings it up to date.
    }
  }

  #learn(info: ConversationInfo): void {
    const conversation = this.#conversation(info.id, info.name);
    conversation.learn(info, this.me.id);
    if (this.#isWatched(conversation)) conversation.unread = 0;
  }

  #conversation(id: string, name: string): Conversation {
    let conversation = this.#conversations.get(id);
    if (conversation === undefined) {
      conversation = new Conversation(id, name);
      this.#conversations.set(id, conversation);
      if (name === '') void this.#name(conversation);
    } else if (name !== '') conversation.name = name;
    return conversation;
  }

  async #name(conversation: Conversation): Promise<void> {
    const id = conversation.id.slice(1);
    try {
      conversation.name = conversation.isGroup
        ? (await this.client.groups.get(id)).name
        : (await this.client.users.byId(Number(id))).userName;
    } catch {
      if (conversation.name === '') conversation.name = id;
    }
    this.#changed();
  }

  #isNewest(conversation: Conversation, at: number, texts: readonly string[], own: boolean): boolean {
    if (at < conversation.lastAt) return false;
    conversation.lastAt = at;
    conversation.lastText = texts.join(' ');
    conversation.lastOwn = own;
    return true;
  }

  #isWatched(conversation: Conversation): boolean {
    return this.#watched && conversation === this.#open;
  }

  /** The page may be gone in a moment. */
  keepNow(): void {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = undefined;
    if (this.link.state !== 'ended') void this.#kept.save(this.conversations);
  }

  #keepSoon(): void {
    this.#keepTimer ??= setTimeout(() => {
      this.keepNow();
    }, KEEP_AFTER_MS);
  }

  /** Tells the views once for all that changes in one turn. */
  #changed(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.#keepSoon();
      this.#events.onChange();
    });
  }
}

const idOf = (to: Recipient): string => ('user' in to ? `u${to.user}` : `g${to.group}`);

/** The name of a conversation that a first message makes; '' when it has to be asked for. */
function nameFor({ own, group, from }: Offered): string {
  if (group !== undefined) return group === 'lobby' ? 'lobby' : '';
  return own ? '' : from.userName;
}
