import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../errors.ts';
import type { Chat } from '../model/chat.ts';
import type { Person } from '../model/shown.ts';
import { say } from '../words.ts';
import { Avatar, Dialog } from './parts.tsx';

interface Props {
  readonly chat: Chat;
  readonly onOpen: (id: string, name: string) => void;
  readonly onClose: () => void;
}

const KINDS = { chat: 'newChat', group: 'newGroup', join: 'joinGroup' } as const;
/** Of everybody who is online so many are drawn. */
const DRAWN = 100;

/** A new conversation: with somebody, in a new group, or in one that is there. */
export function NewDialog({ chat, onOpen, onClose }: Props): JSX.Element {
  const [kind, setKind] = useState<keyof typeof KINDS>('chat');
  const [people, setPeople] = useState<readonly Person[]>();
  const [typed, setTyped] = useState('');
  const [problem, setProblem] = useState('');
  useEffect(() => {
    chat.online().then(setPeople, (error: unknown) => setProblem(errorText(error)));
  }, [chat]);
  const begin = async (form: HTMLFormElement): Promise<void> => {
    const text = typed.trim();
    const { groups, users } = chat.client;
    setProblem('');
    try {
      if (kind === 'chat') {
        const user = await users.byName(text);
        onOpen(`u${user.userId}`, user.userName);
      } else if (kind === 'group') {
        const join = new FormData(form).get('open') === 'on' ? 'open' : 'invite';
        const group = await groups.create({ name: text, join });
        onOpen(chat.meet(group, true), group.name);
      } else {
        await groups.join(text);
        const group = await groups.get(text);
        onOpen(chat.meet(group, false), group.name);
      }
    } catch (error) {
      setProblem(errorText(error));
    }
  };
  const others = people?.filter(({ id }) => id !== chat.me.id) ?? [];
  const wanted = typed.trim().toLocaleLowerCase();
  const shown = others.filter(({ name }) => name.toLocaleLowerCase().includes(wanted)).slice(0, DRAWN);
  const label = say(kind === 'chat' ? 'chatWith' : kind === 'group' ? 'groupName' : 'groupId');
  return (
    <Dialog title={say('new')} onClose={onClose}>
      <div class="choices" role="group" aria-label={say('new')}>
        {(Object.keys(KINDS) as (keyof typeof KINDS)[]).map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === kind}
            onClick={() => {
              setKind(one);
              setTyped('');
              setProblem('');
            }}
          >
            {say(KINDS[one])}
          </button>
        ))}
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void begin(event.currentTarget);
        }}
      >
        <div class="inline">
          <input
            key={kind}
            required
            autofocus
            autocomplete="off"
            aria-label={label}
            placeholder={label}
            value={typed}
            {...(kind === 'join' && { inputMode: 'numeric' as const, pattern: '[0-9]+' })}
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
          <button type="submit" class="primary">
            {say(kind === 'chat' ? 'start' : kind === 'group' ? 'create' : 'join')}
          </button>
        </div>
        {kind === 'group' && (
          <label class="check">
            <input type="checkbox" name="open" /> {say('anybodyJoins')}
          </label>
        )}
        <p role="alert" class="problem">
          {problem}
        </p>
      </form>
      {kind === 'chat' && (
        <>
          <h3>{people === undefined ? say('online') : `${say('online')} · ${others.length}`}</h3>
          <ul class="people">
            {shown.map(({ id, name }) => (
              <li key={id}>
                <button type="button" onClick={() => onOpen(`u${id}`, name)}>
                  <Avatar id={`u${id}`} name={name} />
                  <bdi>{name}</bdi>
                </button>
              </li>
            ))}
          </ul>
          {people !== undefined && others.length === 0 && <p class="quiet">{say('onlineNone')}</p>}
        </>
      )}
    </Dialog>
  );
}
