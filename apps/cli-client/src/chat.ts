import type { CimClient } from '@cim/client/node';
import { CimError, LOBBY, type UserId } from '@cim/protocol';
import { AccountActs } from './acts/account.ts';
import { GroupActs } from './acts/groups.ts';
import { Later } from './acts/later.ts';
import { OnMessages } from './acts/on-messages.ts';
import { PasswordChange } from './acts/password.ts';
import { TerminalActs } from './acts/terminal.ts';
import type { Command, Whom } from './commands/command.ts';
import { parseLine } from './commands/parse-line.ts';
import type { History } from './files/history.ts';
import type { Contacts } from './messages/contacts.ts';
import { Directory } from './messages/directory.ts';
import { Listening } from './messages/listening.ts';
import { Loading } from './messages/loading.ts';
import { Marks } from './messages/marks.ts';
import { Online } from './messages/online.ts';
import { ReadMarks } from './messages/read-marks.ts';
import { Received } from './messages/received.ts';
import { Saying } from './messages/saying.ts';
import type { Ignored } from './options/ignored.ts';
import type { PreferencesFile } from './options/preferences.ts';
import { type Look, SetOption } from './options/set-option.ts';
import { count } from './screen/count.ts';
import { LOBBY_CONVERSATION, type Placed, type Screen } from './screen/screen.ts';
import type { View } from './screen/view.ts';

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

/** What somebody does in a chat and sees of it, from the first line to `:q`. */
export class Chat {
  readonly #parts: ChatParts;
  readonly #directory: Directory;
  readonly #marks: Marks;
  readonly #reads: ReadMarks;
  readonly #saying: Saying;
  readonly #loading: Loading;
  readonly #terminal: TerminalActs;
  /** The parts that carry commands out. Each is asked in turn until one answers true: it has done it. */
  readonly #acts: readonly { run(command: Command, here: string): boolean | Promise<boolean> }[];
  /** Lines are taken one after the other, also when one has to look a name up. */
  #tail: Promise<void> = Promise.resolve();
  /** A `:to` that is not carried out yet, or that a pipe has in vain: where it leads, '' for nowhere. */
  #going: Promise<string> | undefined;
  /** Where the last `:to` has led; '' for nowhere. */
  #found: string = LOBBY_CONVERSATION;
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
    const online = new Online(() => parts.client.onlineUsers(), parts.contacts);
    const directory = new Directory({ ...parts, online });
    this.#directory = directory;
    this.#reads = new ReadMarks(parts);
    const shared = { ...parts, online, directory, names: directory, marks: this.#marks, print: this };
    const received = new Received(shared);
    const onMessages = new OnMessages(shared);
    this.#saying = new Saying({ ...shared, stored: (to, id) => onMessages.stored(to, id) });
    this.#loading = new Loading(shared);
    const later = new Later({
      ...parts,
      recipientOf: (say, here) => this.#saying.recipientOf(say, here),
      failed: () => this.#saying.failures++,
      notice: (text) => this.notice(text),
    });
    const options = new SetOption({
      ...parts,
      changed: ({ ignore, marks }) => {
        parts.ignored.replace(ignore);
        this.#marks.mode = marks;
      },
    });
    this.#marks.mode = parts.preferences.values.marks;
    const listening = new Listening({
      ...{ ...shared, received, later, reads: this.#reads },
      closed: (text) => {
        if (!this.#ended) this.#finish({ code: 1, line: text });
      },
      isLeaving: () => this.#ended,
    });
    this.#terminal = new TerminalActs({
      ...{ ...shared, received },
      counts: () => ({ sent: this.#saying.sent, received: listening.count }),
    });
    this.#acts = [
      new GroupActs(shared),
      new AccountActs(shared),
      later,
      onMessages,
      options,
      new PasswordChange({ ...parts, notice: (text) => this.notice(text) }),
      this.#terminal,
    ];
    parts.screen.names = () => parts.contacts.names();
  }

  /** After the client has connected. */
  start(): void {
    this.#parts.screen.start({
      onLine: (line) => this.#onLine(line),
      onEnd: () => void this.#onEnd(),
      onInterrupt: () => this.interrupt(),
      onGone: () => void this.quit(),
      onRead: (conversation, n) => this.#reads.shown(conversation, n),
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
    await this.#reads.stop();
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
    const { client } = this.#parts;
    if (command.kind === 'delay' && this.#terminal.answering)
      return this.problem('the answerer listens, and nothing is sent: type :qai first');
    for (const act of this.#acts) if (await act.run(command, here)) return;
    switch (command.kind) {
      case 'problem':
        if (command.unsent === true) this.#saying.failures++;
        return this.problem(command.text);
      case 'quit':
        void this.quit();
        return;
      case 'to':
        this.#found = '';
        this.#found = await this.#go(command.of);
        return;
      case 'me':
        return this.#saying.say(
          { kind: 'here', text: `* ${client.user?.userName ?? ''} ${command.text}` },
          here,
        );
      case 'private':
      case 'group':
      case 'here':
      case 'members-only':
        if (this.#terminal.answering) this.#terminal.answer(line);
        else await this.#saying.say(command, here);
    }
  }

  /**
   * Opens a conversation; without one, the conversation with everybody.
   * @throws {CimError} there is no such user or group
   */
  async #go(of: Whom | undefined): Promise<string> {
    const to = of === undefined ? { group: LOBBY } : await this.#directory.find(of);
    const { conversation, title } = this.#directory.placeOf(to);
    const { screen } = this.#parts;
    screen.go(conversation, title);
    if (!screen.full) this.notice(`what you type goes to ${title} now`);
    return conversation;
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
