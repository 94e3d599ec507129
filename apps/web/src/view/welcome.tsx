import type { JSX } from 'preact';
import type { Chat } from '../model/chat.ts';
import { isolated, say } from '../words.ts';
import { Icon } from './icons.tsx';

interface Props {
  readonly chat: Chat;
  readonly onOpen: (id: string) => void;
  readonly onNew: () => void;
}

/** Nobody has said anything to this user yet, and this user nothing to anybody. */
export const isFirstTime = ({ conversations }: Chat): boolean =>
  conversations.every(({ isLobby, lastAt }) => isLobby && lastAt === 0);

/** What somebody sees who has opened no conversation; for a newcomer it says what can be done. */
export function Welcome({ chat, onOpen, onNew }: Props): JSX.Element {
  if (!isFirstTime(chat))
    return (
      <div class="nothing quiet">
        <Icon name="chat" />
        <p>{say('welcome')}</p>
      </div>
    );
  return (
    <div class="nothing">
      <Icon name="chat" />
      <h2>{say('hello', isolated(chat.me.name))}</h2>
      <p>{say('helloChat')}</p>
      <p class="acts">
        <button type="button" class="primary" onClick={onNew}>
          {say('new')}
        </button>
        <button type="button" onClick={() => onOpen('globby')}>
          {say('toEverybody')}
        </button>
      </p>
      <p class="quiet">{say('helloAlone')}</p>
    </div>
  );
}
