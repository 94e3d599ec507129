import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { REGION, nameOf, say } from '../words.ts';
import { Avatar, IconButton } from './parts.tsx';
import { isFirstTime, Welcome } from './welcome.tsx';

interface Props {
  readonly chat: Chat;
  readonly onOpen: (id: string) => void;
  readonly onNew: () => void;
  readonly onSettings: () => void;
}

/** The conversations of this user. Arrow keys move in the list. */
export function Sidebar({ chat, onOpen, onNew, onSettings }: Props): JSX.Element {
  const [filter, setFilter] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        field.current?.select();
        field.current?.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const wanted = filter.trim().toLocaleLowerCase();
  const shown = chat.conversations.filter((one) => nameOf(one).toLocaleLowerCase().includes(wanted));
  const move = (by: number): void => {
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons.at(Math.min(Math.max(at + by, 0), buttons.length - 1))?.focus();
  };
  return (
    <nav class="sidebar" aria-label={say('conversations')}>
      <header>
        <IconButton icon="menu" label={say('settings')} onClick={onSettings} />
        <input
          ref={field}
          type="search"
          placeholder={say('find')}
          aria-label={say('find')}
          title="Ctrl+K"
          value={filter}
          onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') move(1);
            else if (event.key === 'Escape') setFilter('');
            else if (event.key === 'Enter' && !event.isComposing && shown[0] !== undefined) {
              setFilter('');
              onOpen(shown[0].id);
            }
          }}
        />
        <IconButton icon="add" label={say('new')} onClick={onNew} />
      </header>
      <ul
        ref={list}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          if (!event.altKey) move(event.key === 'ArrowDown' ? 1 : -1);
        }}
      >
        {shown.map((one) => (
          <Row key={one.id} conversation={one} isOpen={one === chat.open} onOpen={onOpen} />
        ))}
      </ul>
      {isFirstTime(chat) && filter === '' && (
        <div class="only-narrow">
          <Welcome chat={chat} onOpen={onOpen} onNew={onNew} />
        </div>
      )}
    </nav>
  );
}

interface RowProps {
  readonly conversation: Conversation;
  readonly isOpen: boolean;
  readonly onOpen: (id: string) => void;
}

function Row({ conversation, isOpen, onOpen }: RowProps): JSX.Element {
  const { id, unread, lastAt, lastText, lastOwn, lastFrom, draft } = conversation;
  const name = nameOf(conversation);
  const typing = conversation.typing(Date.now()).length > 0;
  return (
    <li>
      <button type="button" class="row" aria-current={isOpen ? 'true' : undefined} onClick={() => onOpen(id)}>
        <Avatar id={id} name={name} {...(conversation.isGroup && { icon: 'people' as const })} />
        <span class="title">
          <bdi>{name}</bdi>
        </span>
        {lastAt > 0 && <time class="quiet">{shortTime(lastAt)}</time>}
        <span class="preview quiet">
          {typing ? (
            <em>{say('typing')}</em>
          ) : draft !== '' && !isOpen ? (
            <>
              <b class="draft">{say('draft')}</b> <bdi>{draft.slice(0, 120)}</bdi>
            </>
          ) : (
            <>
              {lastText !== '' && (lastOwn || conversation.isGroup) && (
                <>
                  <bdi>{lastOwn ? say('you') : lastFrom}</bdi>:{' '}
                </>
              )}
              <bdi>{lastText.slice(0, 120)}</bdi>
              {conversation.isLobby && lastAt === 0 && say('everybodyHint')}
            </>
          )}
        </span>
        {unread > 0 && (
          <span class="badge">
            {unread > 999 ? '999+' : unread}
            <span class="unseen"> {say('unreadCount')}</span>
          </span>
        )}
      </button>
    </li>
  );
}

const clock = new Intl.DateTimeFormat(REGION, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(REGION, { weekday: 'short' });
const day = new Intl.DateTimeFormat(REGION, { dateStyle: 'short' });

/** Of today the time, of this week the day, else the date. */
function shortTime(at: number): string {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (at >= midnight) return clock.format(at);
  return (at >= midnight - 6 * 86_400_000 ? weekday : day).format(at);
}
