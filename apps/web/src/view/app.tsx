import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { address, back, openAddressed } from '../address.ts';
import type { Chat } from '../model/chat.ts';
import { nameOf, say } from '../words.ts';
import { ConversationView } from './conversation-view.tsx';
import { NewDialog } from './new-dialog.tsx';
import { IconButton } from './parts.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { Sidebar } from './sidebar.tsx';
import { Welcome } from './welcome.tsx';

interface Props {
  readonly chat: Chat;
  readonly onLogOut: () => void;
}

/** All that somebody who is logged in sees. */
export function App({ chat, onLogOut }: Props): JSX.Element {
  const [dialog, setDialog] = useState<'new' | 'settings'>();
  const { open } = chat;
  const show = (id: string | undefined, name?: string): void => {
    setDialog(undefined);
    void chat.show(id, name);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!event.altKey || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
      event.preventDefault();
      const all = chat.conversations;
      const at = all.findIndex((one) => one === chat.open) + (event.key === 'ArrowDown' ? 1 : -1);
      const next = all[Math.min(Math.max(at, 0), all.length - 1)];
      if (next !== undefined && next !== chat.open) void chat.show(next.id);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [chat]);
  useEffect(() => {
    const onMoved = (): void => openAddressed(chat);
    onMoved();
    addEventListener('popstate', onMoved);
    return () => removeEventListener('popstate', onMoved);
  }, [chat]);
  useEffect(() => address(open?.id), [open?.id]);
  useEffect(() => {
    const { unread } = chat;
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${open === undefined ? '' : `${plain(nameOf(open))} · `}${say('title')}`;
  });
  return (
    <main class={`app ${open === undefined ? 'lists' : 'reads'}`}>
      <h1 class="unseen">{say('title')}</h1>
      <Sidebar
        chat={chat}
        onOpen={show}
        onNew={() => setDialog('new')}
        onSettings={() => setDialog('settings')}
      />
      <div class="pane">
        <Banner chat={chat} onLogOut={onLogOut} />
        {open === undefined ? (
          <Welcome chat={chat} onOpen={show} onNew={() => setDialog('new')} />
        ) : (
          <ConversationView
            key={open.id}
            chat={chat}
            conversation={open}
            onBack={() => back() || show(undefined)}
            onPeople={() => setDialog('new')}
          />
        )}
      </div>
      {dialog === 'new' && <NewDialog chat={chat} onOpen={show} onClose={() => setDialog(undefined)} />}
      {dialog === 'settings' && (
        <SettingsDialog chat={chat} onLogOut={onLogOut} onClose={() => setDialog(undefined)} />
      )}
    </main>
  );
}

/** How it stands with the connection, when that is worth a word. */
function Banner({ chat, onLogOut }: Props): JSX.Element {
  const { link, notice } = chat;
  return (
    <div role="status">
      {link.state === 'away' && (
        <p class="banner" title={link.text}>
          {say('away')}
        </p>
      )}
      {link.state === 'ended' && (
        <p class="banner bad">
          <span>{say('ended', link.text)}</span>
          <button type="button" class="link" onClick={onLogOut}>
            {say('again')}
          </button>
        </p>
      )}
      {notice !== undefined && (
        <p class={`banner ${notice.kind === 'lost' ? 'bad' : ''}`}>
          <span>{textOf(notice)}</span>
          <IconButton icon="close" label={say('close')} onClick={() => chat.dismiss()} />
        </p>
      )}
    </div>
  );
}

function textOf({ kind, text }: NonNullable<Chat['notice']>): string {
  switch (kind) {
    case 'lost':
      return say('lost');
    case 'device':
      return say('newDevice', text);
    case 'memory':
      return say('notInMemory');
    case 'error':
      return text;
  }
}

const plain = (name: string): string => name.replaceAll(/[\p{Cc}\p{Cf}]/gu, '');
