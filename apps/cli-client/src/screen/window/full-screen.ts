import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { cleanLine } from '@cim/terminal-text';
import { COMMAND_NAMES } from '../../commands/table.ts';
import type { InputHistory } from '../../files/input-history.ts';
import {
  type Facts,
  LOBBY_CONVERSATION,
  type Place,
  type Placed,
  type Screen,
  type ScreenInput,
} from '../screen.ts';
import { Suspension } from '../suspend.ts';
import { type Area, Areas } from './areas.ts';
import { Canvas } from './canvas.ts';
import type { Spoken } from './entry.ts';
import { completionOf } from './completion.ts';
import { EntryRows, names } from './entry-rows.ts';
import { type Key, Keys } from './keys.ts';
import { pictureOf } from './layout.ts';
import { LineEditor } from './line-editor.ts';
import { OPTION_NAMES } from '../../options/options.ts';
import type { Theme } from '../../options/theme.ts';

const MINUTE_MS = 60_000;

export interface FullScreenParts {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Of the user. */
  readonly name: string;
  /** As it is now. */
  readonly theme: () => Theme;
  /** Whether to ring when somebody names the user, or writes to it alone. */
  readonly bell: () => boolean;
  /** Whether to show who is in a conversation, where there is room. */
  readonly withUsers: () => boolean;
  /** Whether to tell each new day. */
  readonly withDays: () => boolean;
  /** Lines typed before, and those that are typed now. */
  readonly history: InputHistory;
  /** ms since 1970. */
  readonly now: () => number;
}

/**
 * The whole terminal: the area of a conversation, a status row, and the line being typed. It uses the alternate screen of
 * the terminal, so that the shell has its own back at the end, however the program ends.
 */
export class FullScreen implements Screen {
  readonly interactive = true;
  readonly full = true;
  names: () => readonly string[] = () => [];
  readonly #parts: FullScreenParts;
  readonly #canvas: Canvas;
  readonly #areas = new Areas(LOBBY_CONVERSATION, 'everybody');
  readonly #rows: EntryRows;
  readonly #editor: LineEditor;
  readonly #keys: Keys;
  #online = false;
  #screen: ScreenInput | undefined;
  #suspension: Suspension | undefined;
  #drawing: NodeJS.Immediate | undefined;
  #clock: NodeJS.Timeout | undefined;
  #entered = false;
  #closed = false;
  readonly #restore = (): void => this.#canvas.leave();
  readonly #onKeypress = (_: unknown, key: Key): void => {
    this.#keys.press(key);
    this.#drawSoon();
  };
  readonly #onResize = (): void => {
    this.#canvas.forget();
    this.#drawSoon();
  };
  readonly #onGone = (): void => {
    this.#closed = true;
    this.#screen?.onGone();
  };

  constructor(parts: FullScreenParts) {
    this.#parts = parts;
    const { output, theme, name } = parts;
    this.#canvas = new Canvas((bytes) => output.write(bytes));
    this.#rows = new EntryRows(theme, name);
    this.#editor = new LineEditor(parts.history.lines, (line) => parts.history.add(line));
    this.#keys = new Keys(this.#editor, {
      enter: (line) => void this.#screen?.onLine(line),
      interrupt: () => this.#screen?.onInterrupt(),
      end: () => this.#screen?.onEnd(),
      suspend: () => this.#suspension?.suspend(),
      redraw: () => this.#canvas.forget(),
      area: (number) => this.#show(this.#areas.list[number - 1]),
      nextArea: (step) => this.#step(step),
      scroll: (pages) => this.#scroll(pages),
      nextUnread: () => this.#show(this.#areas.nextUnread()),
      say: (line) => this.print([line]),
      complete: (before) =>
        completionOf(before, {
          commands: COMMAND_NAMES,
          names: [...this.#areas.current.users, ...this.names()],
          options: OPTION_NAMES,
          groups: this.#areas.list.map(({ title }) => title).filter((title) => title.startsWith('#')),
        }),
    });
  }

  get here(): string {
    return this.#areas.current.id;
  }

  go(conversation: string, title: string): void {
    this.#show(this.#areas.open(conversation, title));
  }

  print(lines: readonly string[], placed?: Placed): void {
    const area =
      placed === undefined ? this.#areas.current : this.#areas.open(placed.conversation, placed.title);
    const before = area.entries.length;
    if (placed?.message !== undefined) this.#said(area, placed.message);
    else if (placed?.change === undefined || !this.#areas.change(area, placed.change))
      for (const line of lines) this.#areas.remark(area, { kind: 'remark', at: this.#parts.now(), line });
    // Who reads older messages goes on reading them.
    if (area.scroll > 0) area.scroll += this.#rowsFrom(area, before);
    this.#drawSoon();
  }

  learn({ conversation, title }: Place, { unread, page, users }: Facts): void {
    const area = this.#areas.open(conversation, title);
    if (unread !== undefined) this.#areas.counted(area, unread);
    if (page !== undefined) this.#areas.page(area, page);
    if (users !== undefined) area.users = users;
    this.#read(area);
    this.#drawSoon();
  }

  flush(): void {
    this.#enter();
    this.#draw();
  }

  askSecret(question: string): Promise<string | undefined> {
    const answer = new Promise<string | undefined>((resolve) => this.#keys.askSecret(question, resolve));
    this.#drawSoon();
    return answer;
  }

  status(online: boolean): void {
    this.#online = online;
    this.#drawSoon();
  }

  start(screen: ScreenInput): void {
    const { input, output } = this.#parts;
    this.#screen = screen;
    emitKeypressEvents(input);
    input.setRawMode(true);
    input.on('keypress', this.#onKeypress);
    input.on('error', this.#onGone);
    input.on('end', this.#onGone);
    output.on('resize', this.#onResize);
    this.#suspension = new Suspension(input, {
      leave: this.#restore,
      redraw: () => {
        this.#canvas.leave();
        this.#canvas.enter();
        this.#draw();
      },
    });
    this.#enter();
    this.#tick();
    input.resume();
    this.#draw();
    this.#read(this.#areas.current);
    screen.onShown(this.here);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#drawing);
    clearTimeout(this.#clock);
    this.#canvas.leave();
    process.off('exit', this.#restore);
    if (this.#screen === undefined) return;
    const { input, output } = this.#parts;
    this.#suspension?.stop();
    output.off('resize', this.#onResize);
    input.off('keypress', this.#onKeypress);
    input.off('end', this.#onGone);
    input.setRawMode(false);
    input.pause();
  }

  /** Messages may come before the person can type. */
  #enter(): void {
    if (this.#entered || this.#closed) return;
    this.#entered = true;
    process.on('exit', this.#restore);
    this.#canvas.enter();
  }

  #show(area: Area | undefined): void {
    if (area === undefined) return;
    const isOther = area !== this.#areas.current;
    this.#areas.go(area);
    this.#read(area);
    if (isOther) this.#screen?.onShown(area.id);
    this.#drawSoon();
  }

  #step(step: 1 | -1): void {
    const { list, current } = this.#areas;
    this.#show(list[(list.indexOf(current) + step + list.length) % list.length]);
  }

  #said(area: Area, message: Spoken): void {
    const isNamed = !message.own && message.event !== true && names(message.text, this.#parts.name);
    const before = area.unread;
    this.#areas.said(area, message, isNamed);
    const isPrivate = area.id.startsWith('u') && area.unread > before;
    if ((isNamed || isPrivate) && this.#parts.bell()) this.#canvas.ring();
    this.#read(area);
  }

  #rowsFrom(area: Area, index: number): number {
    const width = this.#parts.output.columns;
    return area.entries.slice(index).reduce((rows, entry) => rows + this.#rows.of(entry, width).length, 0);
  }

  #scroll(pages: 1 | -1): void {
    const area = this.#areas.current;
    const before = area.scroll;
    area.scroll = Math.max(0, before + pages * Math.max(1, this.#parts.output.rows - 3));
    this.#draw();
    if (pages === 1 && area.scroll - before < this.#parts.output.rows - 3 && area.older)
      this.#screen?.onOlder(area.id);
    if (area.scroll === 0) this.#show(area);
  }

  #read(area: Area): void {
    if (area === this.#areas.current && area.scroll === 0 && area.n > 0)
      this.#screen?.onRead(area.id, area.n);
  }

  /** The clock of the status row. */
  #tick(): void {
    const now = this.#parts.now();
    this.#clock = setTimeout(() => this.#tick(), MINUTE_MS - (now % MINUTE_MS));
    this.#clock.unref();
    this.#drawSoon();
  }

  /** What comes in one turn of the event loop is drawn once. */
  #drawSoon(): void {
    this.#drawing ??= setImmediate(() => this.#draw());
  }

  #draw(): void {
    clearImmediate(this.#drawing);
    this.#drawing = undefined;
    if (this.#closed || !this.#entered) return;
    const { output, name, now } = this.#parts;
    const { question } = this.#keys;
    this.#canvas.draw(
      pictureOf({
        areas: this.#areas,
        rows: this.#rows,
        theme: this.#parts.theme(),
        name,
        online: this.#online,
        now: now(),
        typed: question === undefined ? this.#editor : { text: question, cursor: question.length },
        prompt: question === undefined ? `${cleanLine(this.#areas.current.title)}> ` : '',
        withUsers: this.#parts.withUsers(),
        withDays: this.#parts.withDays(),
        columns: Math.max(1, output.columns),
        height: Math.max(1, output.rows),
      }),
    );
  }
}
