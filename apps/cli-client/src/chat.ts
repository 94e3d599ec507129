import type { CimClient, StreamEvent } from '@cim/client/node';
import { CimError, type UserId } from '@cim/protocol';
import { cleanLine } from '@cim/terminal-text';
import { answerTo } from './answerer.ts';
import { type Command, commandHelp, helpOf, parseLine } from './commands.ts';
import type { Contacts } from './contacts.ts';
import { Conversing } from './conversing.ts';
import { count } from './count.ts';
import { emojiPage } from './emoji.ts';
import type { History } from './history.ts';
import type { Ignored } from './options/ignored.ts';
import { Later } from './later.ts';
import { Loading } from './loading.ts';
import { type MarkMode, Marks } from './marks.ts';
import { OnMessages } from './on-messages.ts';
import { Online } from './online.ts';
import type { PreferencesFile } from './options/preferences.ts';
import { type Look, SetOption } from './options/set-option.ts';
import { PasswordChange } from './password.ts';
import { Received } from './received.ts';
import { followRestored } from './restored.ts';
import { Saying } from './saying.ts';
import { LOBBY_CONVERSATION, type Placed, type Screen } from './screen.ts';
import type { View } from './view.ts';

export interface ChatParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  /** How lines stand in the history: without colours, with dates. */
  readonly plainView: View;
  readonly history: History;
  readonly contacts: Contacts;
  readonly ignored: Ignored;
  readonly preferences: PreferencesFile;
  readonly look: Look;
  readonly loggedInWith: 'nothing' | 'password' | 'token';
  /** For `:info`. */
  readonly about: readonly string[];
  /** ms since 1970. */
  readonly now: () => number;
}

/** A typed `:q` waits so long for answers, ms. */
const QUIT_MS = 3_000;
/** A pipe ends as failed when for so long nothing was answered, ms. */
const PIPE_MS = 30_000;
const FOUND_LINES = 20;

/** What somebody does in a chat and sees of it, from the first line to `:q`. */
export class Chat {
  readonly #parts: ChatParts;
  readonly #marks: Marks;
  readonly #received: Received;
  readonly #online: Online;
  readonly #conversing: Conversing;
  readonly #saying: Saying;
  readonly #later: Later;
  readonly #loading: Loading;
  readonly #onMessages: OnMessages;
  readonly #password: PasswordChange;
  readonly #options: SetOption;
  /** Lines are taken one after the other, also when one has to look a name up. */
  #tail: Promise<void> = Promise.resolve();
  #answering = false;
  /** A `:to` that is not carried out yet, or that a pipe has in vain: where it leads, '' for nowhere. */
  #going: Promise<string> | undefined;
  /** Where the last `:to` has led; '' for nowhere. */
  #found: string = LOBBY_CONVERSATION;
  #outage = '';
  /** Messages received. */
  #count = 0;
  #ended = false;
  readonly #finish: (end: { readonly code: number; readonly line?: string }) => void;
  /** How it ended: an exit code and, when it failed, a line that says why. */
  readonly finished: Promise<{ readonly code: number; readonly line?: string }>;

  constructor(parts: ChatParts) {
    this.#parts = parts;
    const { promise, finish } = ending();
    this.finished = promise;
    this.#finish = finish;
    this.#marks = new Marks({
      show: (line) => {
        // A full screen has the marks at the lines themselves.
        if (parts.screen.interactive && !parts.screen.full) parts.screen.print(parts.view.mark(line));
      },
      online: () => parts.client.online,
      nameOf: (to) => parts.contacts.nameOf(to as UserId),
      now: parts.now,
    });
    this.#online = new Online(() => parts.client.onlineUsers(), parts.contacts);
    this.#conversing = new Conversing({ ...parts, online: this.#online });
    this.#saying = new Saying({ ...parts, marks: this.#marks, conversing: this.#conversing, print: this });
    this.#later = new Later({
      ...parts,
      recipientOf: (say, here) => this.#saying.recipientOf(say, here),
      failed: () => this.#saying.failures++,
      notice: (text) => this.notice(text),
    });
    this.#received = new Received({ ...parts, names: this.#conversing });
    this.#loading = new Loading({ ...parts, online: this.#online, names: this.#conversing });
    this.#onMessages = new OnMessages({ ...parts, names: this.#conversing });
    this.#password = new PasswordChange({ ...parts, notice: (text) => this.notice(text) });
    this.#options = new SetOption({
      ...parts,
      changed: ({ ignore, marks }) => {
        parts.ignored.replace(ignore);
        this.#marks.mode = marks;
      },
    });
    this.#marks.mode = parts.preferences.values.marks;
    parts.screen.names = () => parts.contacts.names();
    this.#listen();
  }

  /** After the client has connected. */
  start(): void {
    this.#parts.screen.start({
      onLine: (line) => this.#onLine(line),
      onEnd: () => void this.#onEnd(),
      onInterrupt: () => this.interrupt(),
      onGone: () => void this.quit(),
      onRead: (conversation, n) => this.#conversing.shown(conversation, n),
      onShown: (conversation) => void this.#loading.shown(conversation),
      onOlder: (conversation) => void this.#loading.older(conversation),
    });
  }

  /** Ctrl-C: quits; a second one does not wait for it. */
  interrupt(): void {
    if (this.#ended) this.#finish({ code: 0 });
    else void this.quit();
  }

  /** Logs out and finishes. Idempotent. */
  async quit(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#saying.answered(QUIT_MS);
    await this.#leave();
  }

  #listen(): void {
    const { client, contacts } = this.#parts;
    followRestored(this.#parts, {
      begun: (sends) =>
        this.notice(`${count(sends, 'message')} of last time not answered then: sent again now`),
      stored: (ref, said, id) => {
        this.show((view) => view.stored(said), id);
        if (said.private) this.#marks.stored(ref, said.text);
      },
      failed: (said, why) => {
        if (!this.#ended) this.show((view) => view.failed(said, why));
      },
    });
    client.on('message', (message) => {
      contacts.meet(message.from);
      return this.#conversing.named(message.group, () => {
        if (this.#received.show(message)) this.#count++;
        if (!this.#parts.screen.full) this.#conversing.shown(message.conversation, message.n);
      });
    });
    for (const event of ['recalled', 'edited', 'reaction', 'members'] as const)
      client.on(event, (value) => {
        contacts.meet(value.from);
        const shown = { event, value } as Exclude<StreamEvent, { event: 'message' }>;
        return this.#conversing.named(value.group, () => this.#received.showEvent(shown));
      });
    client.on('device', ({ device, label }) => {
      this.notice(`you have logged in with another device: ${label === '' ? device : label}`);
    });
    client.on('unsent', ({ id, text }) => {
      this.problem(`what you delayed (number ${this.#later.numberOf(id)}) was not sent: ${text}`);
    });
    client.on('connected', ({ server, again }) => {
      this.#outage = '';
      this.#parts.screen.status(true);
      const { userName, userId } = client.user ?? {};
      if (again) this.notice(`connected again, to ${server}`);
      else {
        this.notice(`connected to ${server} as ${userName} (id ${userId}); :all lists the commands`);
        if (this.#parts.screen.interactive) {
          void this.#conversing.tellUnread().catch(() => undefined);
          void this.#later.tellUnsent().catch(() => undefined);
        }
      }
    });
    client.on('disconnected', ({ text }) => {
      this.#parts.screen.status(false);
      if (text === this.#outage) return;
      this.#outage = text;
      this.notice(`not connected: ${text}; trying again`);
    });
    client.on('skipped', ({ kind, from, to, stream }) => {
      const what = stream.startsWith('group:') ? 'group message' : 'private message';
      if (kind === 'reset') this.problem(`the server has lost data: ${what}s may be missing or come again`);
      else if (kind === 'expired') this.problem(`${count(to - from + 1, what)} gone: kept no longer`);
      else this.notice(`${count(to - from + 1, `older ${what}`)} left out`);
    });
    client.on('delivered', ({ ref, to }) => {
      this.#marks.delivered(ref, to);
      const { screen } = this.#parts;
      const change = { ref, mark: 'delivered' } as const;
      if (screen.full && this.#marks.mode === 'on')
        screen.print([], { ...this.#conversing.placeOf({ user: to }), change });
    });
    client.on('lost', ({ from, upTo }) => {
      this.problem(`the server has lost ${count(upTo - from + 1, 'message')} of yours that it had stored`);
    });
    client.on('error', ({ error, where }) => {
      this.problem(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    });
    client.on('closed', ({ text }) => {
      if (!this.#ended) this.#finish({ code: 1, line: text });
    });
  }

  /** @param here the conversation that it goes to when it names none: the one that the person is in now */
  #onLine(line: string, here: Here = this.#going ?? this.#parts.screen.here): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const command = parseLine(line, (name) => this.#parts.contacts.knows(name));
    this.#tail = this.#tail.then(async () => {
      try {
        await this.#run(command, line, await here);
      } catch (error) {
        this.problem(error instanceof CimError ? error.message : `that failed: ${String(error)}`);
      }
      if (!this.#parts.screen.interactive) await this.#saying.room();
    });
    if (command.kind === 'to') this.#goBehind(this.#tail);
    return this.#tail;
  }

  /**
   * Lines behind a `:to` wait for it, and go nowhere when it found nobody: they were meant for somebody else than those
   * that the person was with before. In a pipe that holds until another `:to`.
   */
  #goBehind(done: Promise<void>): void {
    const going = done.then(() => this.#found);
    this.#going = going;
    void going.then((found) => {
      const { interactive } = this.#parts.screen;
      if (this.#going === going && (interactive || found !== '')) this.#going = undefined;
    });
  }

  /** Of the input: on a terminal that is `:q`, in a pipe everything is sent first. */
  async #onEnd(): Promise<void> {
    if (this.#parts.screen.interactive) {
      await this.quit();
      return;
    }
    await this.#tail;
    if (this.#ended) return;
    await this.#saying.answered(PIPE_MS);
    this.#ended = true;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const { client } = this.#parts;
    const { unanswered, failures } = this.#saying;
    this.#marks.stop();
    await this.#conversing.stop();
    await client.logout();
    if (unanswered > 0)
      this.#finish({
        code: 1,
        line: `${count(unanswered, 'message')} not answered; sent again at the next start`,
      });
    else if (failures > 0 && !this.#parts.screen.interactive)
      this.#finish({ code: 1, line: `${count(failures, 'message')} not sent` });
    else this.#finish({ code: 0 });
  }

  async #run(command: Command, line: string, here: string): Promise<void> {
    const { screen, view, client, history } = this.#parts;
    if (command.kind === 'delay' && this.#answering)
      return this.problem('the answerer listens, and nothing is sent: type :qai first');
    if ((await this.#conversing.run(command)) || (await this.#later.run(command, here))) return;
    if (await this.#onMessages.run(command, here)) return;
    if (this.#options.run(command) || (await this.#password.run(command))) return;
    switch (command.kind) {
      case 'nothing':
        return;
      case 'problem':
        if (command.unsent === true) this.#saying.failures++;
        return this.problem(command.text);
      case 'quit':
        void this.quit();
        return;
      case 'all':
        return screen.print(commandHelp());
      case 'help':
        return screen.print(helpOf(command.name));
      case 'me':
        return this.#saying.say(
          { kind: 'here', text: `* ${client.user?.userName ?? ''} ${command.text}` },
          here,
        );
      case 'info':
        return screen.print(this.#info());
      case 'history':
        return this.#showKept(command.count);
      case 'marks':
        return this.#switchMarks(command.mode);
      case 'emoji':
        return screen.print(emojiPage(command.page));
      case 'online': {
        const { users, total } = await this.#online.list();
        return screen.print(view.users('online', users, total, client.user));
      }
      case 'prefix': {
        const { users, total } = await this.#online.list(command.prefix);
        return screen.print(view.users('online whose name begins so', users, total, client.user));
      }
      case 'search': {
        const { lines, more } = history.search(command.word, FOUND_LINES);
        const found =
          more > 0 ? `the newest ${lines.length} of ${lines.length + more}` : count(lines.length, 'line');
        return screen.print([...view.notice(`${found} with "${command.word}"`), ...lines.map(cleanLine)]);
      }
      case 'answerer-on':
        this.#answering = true;
        return this.notice('the answerer listens: what you type goes to it and to nobody else, until :qai');
      case 'answerer-off':
        this.#answering = false;
        return this.notice('the answerer has left: what you type is sent again');
      case 'to':
        this.#found = '';
        this.#found = await this.#conversing.go(command.of);
        return;
      case 'private':
      case 'group':
      case 'here':
      case 'members-only':
        if (this.#answering) this.#answer(line);
        else await this.#saying.say(command, here);
    }
  }

  #answer(line: string): void {
    const from = this.#parts.client.user?.userName ?? '';
    const at = this.#parts.now();
    const { screen, view } = this.#parts;
    screen.print(view.said({ at, from, to: 'answerer', private: true, text: line.trim() }));
    screen.print(view.said({ at, from: 'answerer', private: true, text: answerTo(line) }));
  }

  /** What everybody and what somebody said to us, by time. */
  async #showKept(limit: number): Promise<void> {
    const { client, screen, view } = this.#parts;
    const pages = await Promise.all([client.history({ group: 'lobby', limit }), client.history({ limit })]);
    const kept = pages
      .flatMap(({ messages }) => messages)
      .sort((a, b) => a.storedAt - b.storedAt)
      .slice(-limit);
    const lines = kept.flatMap((message) => this.#received.lines(message));
    screen.print([...view.notice(`the newest ${count(kept.length, 'message')} kept`), ...lines]);
  }

  #switchMarks(mode: MarkMode | undefined): void {
    const does = {
      on: 'queued, \u{2713} stored, \u{2713}\u{2713} delivered',
      less: '\u{2713} stored, and what is refused',
      off: 'only what is refused',
    };
    if (mode !== undefined) this.#marks.mode = mode;
    this.notice(`marks are ${this.#marks.mode}: ${does[this.#marks.mode]}`);
  }

  #info(): string[] {
    const { client, about } = this.#parts;
    const { userName, userId } = client.user ?? {};
    return [
      ...about,
      `  you        ${userName} (id ${userId})`,
      `  server     ${client.server}, ${client.online ? 'connected' : 'not connected'}`,
      `  messages   ${this.#saying.sent} sent, ${this.#count} received, ${client.unanswered} not answered yet`,
      `  answerer   ${this.#answering ? 'on' : 'off'}`,
    ];
  }

  /** Shows this user's own message and writes it to the history. @param id of a stored message, see `sentId` */
  show(lines: (view: View) => string[], id = '', placed?: Placed): void {
    const { screen, view, plainView, history } = this.#parts;
    screen.print(lines(view), placed);
    history.add(lines(plainView).join(' '), id);
  }

  /** Says something to a conversation for the person, who sees it. */
  say(conversation: string, text: string): Promise<void> {
    return this.#saying.say({ kind: 'here', text }, conversation);
  }

  notice(text: string): void {
    this.#parts.screen.print(this.#parts.view.notice(text));
  }

  problem(text: string): void {
    this.#parts.screen.print(this.#parts.view.problem(text));
  }
}

/** A conversation, or what will be one; '' for nowhere. */
type Here = string | Promise<string>;

interface End {
  readonly code: number;
  readonly line?: string;
}

function ending(): { promise: Promise<End>; finish: (end: End) => void } {
  let finish: (end: End) => void = () => undefined;
  const promise = new Promise<End>((resolve) => {
    finish = resolve;
  });
  return { promise, finish };
}
