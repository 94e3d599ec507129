import { Component, type ComponentChildren, createRef } from 'preact';
import type { Shown } from '../model/shown.ts';
import { isolated, REGION, say, type Word } from '../words.ts';
import { isText } from './composer.tsx';
import { Icon, type IconName } from './icons.tsx';
import { Avatar, colourOf } from './parts.tsx';
import { Texts } from './texts.tsx';

/** Reactions that one click gives; any other comes from other clients. */
const REACTIONS = ['👍', '❤️', '😄', '🎉', '😮', '😢'];
/** A longer text is cut until somebody wants all of it. */
const SHOWN_LINES = 24;
const SHOWN_CHARACTERS = 2_400;
/** Between a menu and the edge of what is seen [pixels]. */
const MENU_MARGIN = 8;

/** What can be done with a line. */
export interface LineActions {
  readonly onReply: (line: Shown) => void;
  readonly onEdit: (line: Shown) => void;
  readonly onRecall: (line: Shown) => void;
  readonly onReact: (line: Shown, reaction: string) => void;
  readonly onAgain: (line: Shown) => void;
  readonly onDrop: (line: Shown) => void;
  /** Shows the message that is answered. */
  readonly onJump: (id: string) => void;
}

interface Props {
  readonly line: Shown;
  readonly answered: Shown | undefined;
  readonly me: number;
  /** In a group, where a message needs a name. */
  readonly named: boolean;
  /** The line before is of the same sender and of about the same time; so is the line behind. */
  readonly follows: boolean;
  readonly goesOn: boolean;
  readonly found: boolean;
  readonly actions: LineActions;
}

interface State {
  /** All of a long text. */
  readonly all: boolean;
  readonly menu: boolean;
}

const clock = new Intl.DateTimeFormat(REGION, { hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat(REGION, { dateStyle: 'full', timeStyle: 'medium' });

/** One line of a conversation. It is drawn again only when it has changed. */
export class Message extends Component<Props, State> {
  override state: State = { all: false, menu: false };
  readonly #menu = createRef<HTMLDivElement>();
  readonly #opener = createRef<HTMLButtonElement>();

  override shouldComponentUpdate(next: Props, state: State): boolean {
    const now = this.props;
    return (
      (['line', 'answered', 'follows', 'goesOn', 'found'] as const).some(
        (name) => next[name] !== now[name],
      ) ||
      state.all !== this.state.all ||
      state.menu !== this.state.menu
    );
  }

  override componentDidUpdate(_: Props, before: State): void {
    const menu = this.#menu.current;
    if (!this.state.menu || before.menu || menu === null) return;
    fit(menu);
    menu.querySelector('button')?.focus({ preventScroll: true });
  }

  override render({ line, follows, goesOn, found, named }: Props): ComponentChildren {
    if (line.note !== undefined)
      return (
        <p class="note" data-key={line.key}>
          {noteText(line)}
        </p>
      );
    const classes = [
      'line',
      line.own ? 'own' : 'other',
      follows ? 'follows' : '',
      goesOn ? 'goes-on' : '',
      found ? 'found' : '',
    ];
    const { from } = line;
    return (
      <article
        class={classes.filter((one) => one !== '').join(' ')}
        data-key={line.key}
        tabIndex={-1}
        aria-label={`${isolated(from.name)}, ${clock.format(line.at)}`}
        onKeyDown={(event) => this.#onKey(event)}
      >
        {named && !line.own && !goesOn && <Avatar id={from.id} name={from.name} />}
        <div class="bubble">
          {named && !line.own && !follows && <bdi class={`name ink${colourOf(from.id)}`}>{from.name}</bdi>}
          {this.#answered()}
          <div class="body">
            {line.recalled ? <em class="quiet">{say('recalled')}</em> : this.#texts(line)}
          </div>
          {this.#foot(line)}
        </div>
        {this.#reactions(line)}
        {line.progress === 'failed' && this.#failed(line)}
        {!line.recalled && line.id !== undefined && this.#tools(line)}
      </article>
    );
  }

  #answered(): ComponentChildren {
    const { answered, line, actions } = this.props;
    const { ref } = line;
    if (ref === undefined || line.recalled) return null;
    if (answered === undefined) return <p class="answered quiet">{say('answersOlder')}</p>;
    return (
      <button
        type="button"
        class={`answered ink${colourOf(answered.from.id)}`}
        tabIndex={-1}
        onClick={() => actions.onJump(ref)}
      >
        <bdi>{answered.from.name}</bdi>
        <bdi class="quiet">
          {answered.recalled ? say('recalled') : answered.texts.join(' ').slice(0, 160)}
        </bdi>
      </button>
    );
  }

  #texts({ texts, type }: Shown): ComponentChildren {
    if (texts.length === 0) return <em class="quiet">{say('otherType', type)}</em>;
    const text = texts.join('\n');
    const lines = text.split('\n');
    const isLong = lines.length > SHOWN_LINES + 4 || text.length > SHOWN_CHARACTERS + 400;
    if (!isLong || this.state.all) return <Texts text={text} />;
    return (
      <>
        <Texts text={lines.slice(0, SHOWN_LINES).join('\n').slice(0, SHOWN_CHARACTERS)} />
        <button type="button" class="link" onClick={() => this.setState({ all: true })}>
          {say('more')}
        </button>
      </>
    );
  }

  #foot({ progress, edited, recalled, at }: Shown): ComponentChildren {
    return (
      <footer class="quiet">
        {edited && !recalled && <span>{say('edited')}</span>}
        <time dateTime={new Date(at).toISOString()} title={whole.format(at)}>
          {clock.format(at)}
        </time>
        {progress !== undefined && !recalled && (
          <span class={`progress ${progress}`} role="img" aria-label={say(progress)} title={say(progress)}>
            <Icon name={MARKS[progress]} />
          </span>
        )}
      </footer>
    );
  }

  #reactions({ reactions }: Shown): ComponentChildren {
    const { me, line, actions } = this.props;
    if (reactions.length === 0) return null;
    return (
      <div class="reactions">
        {reactions.map(({ reaction, users }) => (
          <button
            type="button"
            key={reaction}
            aria-pressed={users.includes(me)}
            onClick={() => actions.onReact(line, reaction)}
          >
            <bdi>{reaction.slice(0, 16)}</bdi> {users.length}
          </button>
        ))}
      </div>
    );
  }

  #failed(line: Shown): ComponentChildren {
    const { actions } = this.props;
    return (
      <p class="failed" role="alert">
        <span>
          {say('failed')}
          {line.problem !== undefined && `: ${line.problem}`}
        </span>
        <button type="button" class="link" onClick={() => actions.onAgain(line)}>
          {say('tryAgain')}
        </button>
        <button type="button" class="link" onClick={() => actions.onDrop(line)}>
          {say('discard')}
        </button>
      </p>
    );
  }

  #tools(line: Shown): ComponentChildren {
    const { actions } = this.props;
    const { menu } = this.state;
    const act = (run: (line: Shown) => void) => () => {
      this.#shut();
      run(line);
    };
    return (
      <div class="tools" onFocusOut={(event) => this.#onFocusOut(event)}>
        <button
          ref={this.#opener}
          type="button"
          class="icon-button"
          tabIndex={-1}
          aria-label={say('actions')}
          aria-expanded={menu}
          onClick={() => this.setState({ menu: !menu })}
        >
          <Icon name="more" />
        </button>
        {menu && (
          <div
            ref={this.#menu}
            class="menu"
            role="group"
            aria-label={say('actions')}
            onKeyDown={(event) => this.#onMenuKey(event)}
          >
            <div class="quick">
              {REACTIONS.map((reaction) => (
                <button
                  type="button"
                  key={reaction}
                  aria-label={`${say('react')} ${reaction}`}
                  onClick={act(() => actions.onReact(line, reaction))}
                >
                  {reaction}
                </button>
              ))}
            </div>
            <button type="button" onClick={act(actions.onReply)}>
              {say('reply')}
            </button>
            <button
              type="button"
              onClick={act(() => void navigator.clipboard.writeText(line.texts.join('\n')))}
            >
              {say('copy')}
            </button>
            {line.own && isText(line) && (
              <button type="button" onClick={act(actions.onEdit)}>
                {say('edit')}
              </button>
            )}
            {line.own && (
              <button type="button" class="danger" onClick={act(actions.onRecall)}>
                {say('recall')}
              </button>
            )}
          </div>
        )}
      </div>
    );
  }

  #shut(): void {
    this.setState({ menu: false });
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.target !== event.currentTarget) return;
    event.preventDefault();
    if (this.#opener.current !== null) this.setState({ menu: true });
  }

  #onMenuKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#shut();
      this.#opener.current?.closest('article')?.focus();
    }
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = [...(this.#menu.current?.querySelectorAll('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons.at((at + by) % buttons.length)?.focus();
  }

  #onFocusOut({ currentTarget, relatedTarget }: FocusEvent): void {
    if (!(currentTarget as Node).contains(relatedTarget as Node | null)) this.#shut();
  }
}

/** Moves the menu so that all of it is seen, wherever its message stands. */
function fit(menu: HTMLElement): void {
  const seen = menu.closest('.history')?.getBoundingClientRect();
  if (seen === undefined) return;
  const { left, right, top, bottom } = menu.getBoundingClientRect();
  const x = inside(left, right, seen.left, seen.right);
  menu.style.translate = `${x}px ${inside(top, bottom, seen.top, seen.bottom)}px`;
}

/** How far something has to move to be between two edges, and some pixels away from them. */
const inside = (from: number, to: number, low: number, high: number): number =>
  Math.max(low + MENU_MARGIN - from, Math.min(0, high - MENU_MARGIN - to));

const MARKS = {
  sending: 'clock',
  stored: 'check',
  delivered: 'checks',
  read: 'checks',
  failed: 'alert',
} as const satisfies Record<string, IconName>;

const NOTES: Readonly<Record<string, Word>> = {
  create: 'noteCreate',
  change: 'noteChange',
  add: 'noteAdd',
  join: 'noteJoin',
  leave: 'noteLeave',
  remove: 'noteRemove',
  role: 'noteRole',
  mute: 'noteMute',
  transfer: 'noteTransfer',
  disband: 'noteDisband',
};

const noteText = ({ note, from }: Shown): string =>
  say(NOTES[note?.op ?? ''] ?? 'noteOther', {
    who: isolated(from.name),
    users: note?.users.map(isolated).join(', ') ?? '',
  });
