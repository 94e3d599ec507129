import type { CimClient } from '@cim/client/node';
import { cleanLine } from '@cim/terminal-text';
import type { Command } from '../commands/command.ts';
import { emojiPage } from '../commands/emoji.ts';
import { commandHelp, helpOf } from '../commands/table.ts';
import type { History } from '../files/history.ts';
import type { MarkMode, Marks } from '../messages/marks.ts';
import type { Online } from '../messages/online.ts';
import type { Received } from '../messages/received.ts';
import { count } from '../screen/count.ts';
import type { Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';
import { answerTo } from './answerer.ts';

const FOUND_LINES = 20;

interface TerminalActsParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly history: History;
  readonly online: Online;
  readonly received: Received;
  readonly marks: Marks;
  /** For `:info`: about this program, and how many messages it has sent and received. */
  readonly about: readonly string[];
  readonly counts: () => { readonly sent: number; readonly received: number };
  /** ms since 1970. */
  readonly now: () => number;
}

/** Carries out the commands that show something of this terminal, or of the server, and the answerer. */
export class TerminalActs {
  readonly #parts: TerminalActsParts;
  /** Whether each typed line goes to the answerer, and to nobody else. */
  answering = false;

  constructor(parts: TerminalActsParts) {
    this.#parts = parts;
  }

  /** @returns false for a command that is not carried out here. @throws {CimError} why the command failed, in one line */
  async run(command: Command): Promise<boolean> {
    const { screen, view, client, history, online } = this.#parts;
    const print = (lines: readonly string[]): true => {
      screen.print(lines);
      return true;
    };
    switch (command.kind) {
      case 'all':
        return print([
          ...commandHelp(),
          ...(screen.full ? view.notice('PageUp shows the first of these') : []),
        ]);
      case 'help':
        return print(helpOf(command.name));
      case 'info':
        return print(this.#info());
      case 'history':
        await this.#showKept(command.count);
        return true;
      case 'marks':
        this.#switchMarks(command.mode);
        return true;
      case 'emoji':
        return print(emojiPage(command.page));
      case 'online': {
        const { users, total } = await online.list();
        return print(view.users('online', users, total, client.user));
      }
      case 'prefix': {
        const { users, total } = await online.list(command.prefix);
        return print(view.users('online whose name begins so', users, total, client.user));
      }
      case 'search': {
        const { lines, more } = history.search(command.word, FOUND_LINES);
        const found =
          more > 0 ? `the newest ${lines.length} of ${lines.length + more}` : count(lines.length, 'line');
        return print([...view.notice(`${found} with "${command.word}"`), ...lines.map(cleanLine)]);
      }
      case 'answerer-on':
        this.answering = true;
        this.#notice('the answerer listens: what you type goes to it and to nobody else, until :qai');
        return true;
      case 'answerer-off':
        this.answering = false;
        this.#notice('the answerer has left: what you type is sent again');
        return true;
      default:
        return false;
    }
  }

  /** The answerer answers a line. */
  answer(line: string): void {
    const from = this.#parts.client.user?.userName ?? '';
    const at = this.#parts.now();
    const { screen, view } = this.#parts;
    screen.print(view.said({ at, from, to: 'answerer', private: true, text: line.trim() }));
    screen.print(view.said({ at, from: 'answerer', private: true, text: answerTo(line) }));
  }

  /** Shows the newest group messages and private messages together, by time. */
  async #showKept(limit: number): Promise<void> {
    const { client, screen, view, received } = this.#parts;
    const pages = await Promise.all([client.history({ group: 'lobby', limit }), client.history({ limit })]);
    const kept = pages
      .flatMap(({ messages }) => messages)
      .sort((a, b) => a.storedAt - b.storedAt)
      .slice(-limit);
    const lines = kept.flatMap((message) => received.lines(message));
    screen.print([...view.notice(`the newest ${count(kept.length, 'message')} kept`), ...lines]);
  }

  #switchMarks(mode: MarkMode | undefined): void {
    const { marks } = this.#parts;
    const does = {
      on: 'queued, \u{2713} stored, \u{2713}\u{2713} delivered',
      less: '\u{2713} stored, and what is refused',
      off: 'only what is refused',
    };
    if (mode !== undefined) marks.mode = mode;
    this.#notice(`marks are ${marks.mode}: ${does[marks.mode]}`);
  }

  #info(): string[] {
    const { client, about, counts } = this.#parts;
    const { sent, received } = counts();
    const { userName, userId } = client.user ?? {};
    return [
      ...about,
      `  you        ${userName} (id ${userId})`,
      `  server     ${client.server}, ${client.online ? 'connected' : 'not connected'}`,
      `  messages   ${sent} sent, ${received} received, ${client.unanswered} not answered yet`,
      `  answerer   ${this.answering ? 'on' : 'off'}`,
    ];
  }

  #notice(text: string): void {
    this.#parts.screen.print(this.#parts.view.notice(text));
  }
}
