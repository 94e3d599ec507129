import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Chat } from '../model/chat.ts';
import { canNotify } from '../notify.ts';
import { setTheme, theme, THEMES } from '../theme.ts';
import { say } from '../words.ts';
import { Avatar, Dialog } from './parts.tsx';

interface Props {
  readonly chat: Chat;
  readonly onLogOut: () => void;
  readonly onClose: () => void;
}

export function SettingsDialog({ chat, onLogOut, onClose }: Props): JSX.Element {
  const [now, setNow] = useState(theme());
  const [permission, setPermission] = useState(canNotify() ? Notification.permission : 'denied');
  return (
    <Dialog title={say('settings')} onClose={onClose}>
      <p class="me">
        <Avatar id={`u${chat.me.id}`} name={chat.me.name} />
        <b>
          <bdi>{chat.me.name}</bdi>
        </b>
        <span class="quiet">{say('userNumber', chat.me.id)}</span>
      </p>
      <h3>{say('theme')}</h3>
      <div class="choices" role="group" aria-label={say('theme')}>
        {THEMES.map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === now}
            onClick={() => {
              setTheme(one);
              setNow(one);
            }}
          >
            {say(one)}
          </button>
        ))}
      </div>
      {canNotify() && (
        <>
          <h3>{say('notifications')}</h3>
          {permission === 'granted' ? (
            <p class="quiet">{say('notified')}</p>
          ) : permission === 'denied' ? (
            <p class="quiet">{say('blocked')}</p>
          ) : (
            <button type="button" onClick={() => void Notification.requestPermission().then(setPermission)}>
              {say('notify')}
            </button>
          )}
        </>
      )}
      <h3 class="keys">{say('keys')}</h3>
      <dl class="keys">
        {(['keyFind', 'keySwitch', 'keySearch', 'keyEdit', 'keyMessages'] as const).map((one) => {
          const [keys = '', does = ''] = say(one).split(' | ');
          return (
            <div key={one}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          );
        })}
      </dl>
      <footer>
        <button type="button" class="danger" onClick={onLogOut}>
          {say('logOut')}
        </button>
      </footer>
    </Dialog>
  );
}
