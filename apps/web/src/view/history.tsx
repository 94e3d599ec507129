import { Component, type ComponentChildren, createRef, Fragment } from 'preact';
import type { Shown } from '../model/shown.ts';
import { REGION, say } from '../words.ts';
import { IconButton } from './parts.tsx';
import { type LineActions, Message } from './message.tsx';

/** Lines that are in the page at most, whatever was loaded; and by how many the window moves. */
const WINDOW = 160;
const STEP = 60;
/** So near to an edge of what is drawn the window moves [pixels]. */
const NEAR = 800;
/** So near to the end a person is taken to be at the end [pixels]. */
const AT_END = 40;
/** Messages of one sender within this time belong together [ms]. */
const TOGETHER_MS = 5 * 60_000;

interface Props {
  readonly lines: readonly Shown[];
  readonly me: number;
  readonly named: boolean;
  readonly label: string;
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  readonly firstUnread: string | undefined;
  /** A line that is looked for; a new object each time it is to be shown. */
  readonly target: { readonly key: string } | undefined;
  readonly actions: LineActions;
  readonly onOlder: () => void;
  /** Whether the end is in view. */
  readonly onEnd: (atEnd: boolean) => void;
}

interface State {
  /** Key of the last line of the window; undefined: the window follows the end. */
  readonly end: string | undefined;
  readonly atEnd: boolean;
}

/** A line whose end must not move, and where that stood: its head may go, as a name does that another line above has now. */
interface Anchor {
  readonly atEnd: boolean;
  readonly key: string;
  readonly bottom: number;
}

/**
 * The lines of one conversation. Only a window of them is in the page, which moves with scrolling; the line that a person reads
 * stays where it is, whatever comes above or below.
 */
export class History extends Component<Props, State> {
  override state: State = { end: undefined, atEnd: true };
  readonly #box = createRef<HTMLDivElement>();
  #seenUnread: string | undefined;
  /** Where a line is to stand that could not be held at the upper edge; the update that is under way brings lines above it. */
  #owed: Anchor | undefined;

  override componentDidMount(): void {
    this.#toEnd();
    // A window that changes its size, as when a keyboard opens, keeps the end in view.
    this.#sizes = new ResizeObserver(() => {
      if (this.state.atEnd && this.state.end === undefined) this.#toEnd();
    });
    if (this.#box.current !== null) this.#sizes.observe(this.#box.current);
  }

  #sizes: ResizeObserver | undefined;

  override componentWillUnmount(): void {
    this.#sizes?.disconnect();
    this.props.onEnd(false);
  }

  override getSnapshotBeforeUpdate(): Anchor | undefined {
    const box = this.#box.current;
    if (box === null) return undefined;
    const owed = this.#owed;
    this.#owed = undefined;
    if (owed !== undefined) return owed;
    const { top } = box.getBoundingClientRect();
    // Somebody may have scrolled since, of which nothing is told yet.
    const atEnd = this.state.atEnd && this.state.end === undefined && below(box) <= AT_END;
    for (const one of box.querySelectorAll<HTMLElement>('[data-key]')) {
      const place = one.getBoundingClientRect();
      if (place.bottom > top)
        return {
          atEnd,
          key: one.dataset['key'] ?? '',
          bottom: place.bottom,
        };
    }
    return { atEnd: true, key: '', bottom: 0 };
  }

  override componentDidUpdate(before: Props, _: State, anchor: Anchor | undefined): void {
    const { target, firstUnread, lines, isLoading } = this.props;
    const box = this.#box.current;
    if (box === null) return;
    if (target !== undefined && target !== before.target) return this.#show(target.key);
    if (firstUnread !== undefined && firstUnread !== this.#seenUnread) {
      this.#seenUnread = firstUnread;
      const divider = box.querySelector('.unread-line');
      if (divider !== null) {
        divider.scrollIntoView({ block: 'center' });
        this.#onScroll();
        return;
      }
    }
    if (hasSaidMore(before.lines, lines)) return this.#showEnd();
    if (anchor?.atEnd === true) return this.#toEnd();
    if (anchor === undefined) return;
    const line = this.#lineOf(anchor.key);
    if (line !== null) box.scrollTop += line.getBoundingClientRect().bottom - anchor.bottom;
    if (lines === before.lines && isLoading === before.isLoading) return;
    // Older lines may have come for somebody who waits at the upper edge, where there is nothing to scroll.
    if (this.#onScroll()) this.#owed = anchor;
  }

  override render({ lines, label, hasOlder, isLoading }: Props, { end, atEnd }: State): ComponentChildren {
    const [from, to] = this.#range(lines, end);
    return (
      <div class="history-frame">
        <div
          ref={this.#box}
          class="history"
          role="log"
          aria-label={label}
          tabIndex={0}
          onScroll={() => this.#onScroll()}
          onKeyDown={(event) => this.#onKey(event)}
        >
          <div class="lines">
            {from === 0 && (
              <p class="note beginning">{isLoading ? say('older') : hasOlder ? '' : say('beginning')}</p>
            )}
            {lines
              .slice(from, to)
              .map((line, i) => this.#line(line, lines[from + i - 1], lines[from + i + 1]))}
          </div>
        </div>
        {(!atEnd || to < lines.length) && (
          <IconButton icon="down" class="to-end" label={say('newest')} onClick={() => this.#showEnd()} />
        )}
      </div>
    );
  }

  #line(line: Shown, before: Shown | undefined, behind: Shown | undefined): ComponentChildren {
    const { me, named, firstUnread, target, actions } = this.props;
    const isNewDay = before === undefined || dayOf(before.at) !== dayOf(line.at);
    const isUnread = line.key === firstUnread;
    return (
      <Fragment key={line.key}>
        {isNewDay && <h3 class="day">{dayText(line.at)}</h3>}
        {isUnread && <p class="unread-line">{say('unreadLine')}</p>}
        <Message
          line={line}
          answered={line.ref === undefined ? undefined : this.props.lines.find(({ id }) => id === line.ref)}
          me={me}
          named={named}
          follows={!isNewDay && !isUnread && belongs(before, line)}
          goesOn={belongs(line, behind) && behind?.key !== firstUnread}
          found={target?.key === line.key}
          actions={actions}
        />
      </Fragment>
    );
  }

  #range(lines: readonly Shown[], end: string | undefined): [from: number, to: number] {
    const at = end === undefined ? -1 : lines.findLastIndex(({ key }) => key === end);
    const to = at < 0 ? lines.length : at + 1;
    return [Math.max(0, to - WINDOW), to];
  }

  /** @returns whether the window moves */
  #onScroll(): boolean {
    const box = this.#box.current;
    if (box === null) return false;
    const { lines, hasOlder, isLoading, onOlder, onEnd } = this.props;
    const rest = below(box);
    const [from, to] = this.#range(lines, this.state.end);
    const atEnd = rest <= AT_END && to === lines.length;
    if (atEnd !== this.state.atEnd) this.setState({ atEnd });
    onEnd(atEnd);
    if (box.scrollTop < NEAR) {
      if (from > 0) return this.#moveTo(to - STEP);
      if (hasOlder && !isLoading) onOlder();
    } else if (rest < NEAR && to < lines.length) return this.#moveTo(to + STEP);
    return false;
  }

  /** @param to index behind the last line of the window */
  #moveTo(to: number): boolean {
    const { lines } = this.props;
    const last = Math.max(to, Math.min(WINDOW, lines.length));
    const end = last >= lines.length ? undefined : lines[last - 1]?.key;
    this.setState({ end });
    return end !== this.state.end;
  }

  #toEnd(): void {
    const box = this.#box.current;
    if (box === null) return;
    box.scrollTop = box.scrollHeight;
    this.#onScroll();
  }

  #showEnd(): void {
    this.setState({ end: undefined }, () => this.#toEnd());
  }

  #show(key: string): void {
    const index = this.props.lines.findIndex((line) => line.key === key);
    if (index < 0) return;
    const [from, to] = this.#range(this.props.lines, this.state.end);
    const scroll = (): void => {
      this.#lineOf(key)?.scrollIntoView({ block: 'center' });
      this.#onScroll();
    };
    if (index >= from && index < to) return scroll();
    const last = Math.min(this.props.lines.length, Math.max(index + WINDOW / 2, WINDOW));
    this.setState({ end: this.props.lines[last - 1]?.key, atEnd: false }, scroll);
  }

  /** Up and down go from message to message, once one of them has the focus; Enter opens what can be done with it. */
  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    const articles = [...(this.#box.current?.querySelectorAll('article') ?? [])];
    const now = document.activeElement?.closest('article');
    const at = now ? articles.indexOf(now) : articles.length;
    const next = articles[at + (event.key === 'ArrowUp' ? -1 : 1)];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: 'nearest' });
  }

  #lineOf(key: string): HTMLElement | null {
    return this.#box.current?.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? null;
  }
}

/** This user has just sent something, and wants to see it. */
function hasSaidMore(before: readonly Shown[], now: readonly Shown[]): boolean {
  const newest = now.at(-1);
  return newest?.progress === 'sending' && newest.key !== before.at(-1)?.key;
}

/** How much of it is below what is seen [pixels]. */
const below = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement): number =>
  scrollHeight - scrollTop - clientHeight;
const dayOf = (at: number): number => new Date(at).setHours(0, 0, 0, 0);
const belongs = (one: Shown | undefined, next: Shown | undefined): boolean =>
  one !== undefined &&
  next !== undefined &&
  one.note === undefined &&
  next.note === undefined &&
  one.from.id === next.from.id &&
  next.at - one.at < TOGETHER_MS &&
  dayOf(one.at) === dayOf(next.at);

const near = new Intl.DateTimeFormat(REGION, { weekday: 'long', day: 'numeric', month: 'long' });
const far = new Intl.DateTimeFormat(REGION, { dateStyle: 'long' });

function dayText(at: number): string {
  const today = dayOf(Date.now());
  if (at >= today) return say('today');
  if (at >= dayOf(today - 1)) return say('yesterday');
  return (new Date(at).getFullYear() === new Date().getFullYear() ? near : far).format(at);
}
