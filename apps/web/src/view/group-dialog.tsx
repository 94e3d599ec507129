import type { GroupInfo, MemberInfo } from '@cim/client/browser';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../errors.ts';
import type { Chat } from '../model/chat.ts';
import { memberText, say, type Word } from '../words.ts';
import { Avatar, Dialog, fieldOf, IconButton } from './parts.tsx';

interface Props {
  readonly chat: Chat;
  readonly id: string;
  readonly onClose: () => void;
}

const PAGE = 100;
const ROLES: Readonly<Record<string, Word>> = { owner: 'owner', admin: 'admin' };

/** A group and its members; what may be changed depends on the role. */
export function GroupDialog({ chat, id, onClose }: Props): JSX.Element {
  const { groups, users } = chat.client;
  const [group, setGroup] = useState<GroupInfo>();
  const [members, setMembers] = useState<readonly MemberInfo[]>([]);
  const [next, setNext] = useState<string>();
  const [problem, setProblem] = useState('');
  const [asks, setAsks] = useState(false);
  const read = async (): Promise<void> => {
    const [info, page] = await Promise.all([groups.get(id), groups.members(id, { limit: PAGE })]);
    setGroup(info);
    setMembers(page.items);
    setNext(page.next);
  };
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    setProblem('');
    try {
      await act();
    } catch (error) {
      setProblem(errorText(error));
    }
  };
  useEffect(() => void attempt(read), []);
  const mayAdd = group?.role === 'owner' || group?.role === 'admin';
  const isOwner = group?.role === 'owner';
  const add = (form: HTMLFormElement): Promise<void> =>
    attempt(async () => {
      const user = await users.byName(fieldOf(form, 'name').trim());
      await groups.add(id, [user.userId]);
      form.reset();
      await read();
    });
  return (
    <Dialog title={group?.name ?? say('members')} onClose={onClose}>
      {group !== undefined && (
        <p class="quiet">
          {memberText(group.members)} · {say('groupNumber', id)} ·{' '}
          {say(group.join === 'open' ? 'joinOpen' : 'joinInvite')}
        </p>
      )}
      {mayAdd && (
        <form
          class="inline"
          onSubmit={(event) => {
            event.preventDefault();
            void add(event.currentTarget);
          }}
        >
          <input
            name="name"
            required
            autofocus
            aria-label={say('invite')}
            placeholder={say('invite')}
            autocomplete="off"
          />
          <button type="submit" class="primary">
            {say('add')}
          </button>
        </form>
      )}
      <p role="alert" class="problem">
        {problem}
      </p>
      <ul class="people">
        {members.map(({ userId, userName, role, muted }) => (
          <li key={userId}>
            <Avatar id={userId} name={userName} />
            <bdi>{userName}</bdi>
            <span class="quiet">
              {ROLES[role] === undefined ? '' : say(ROLES[role])} {muted && say('muted')}
            </span>
            {mayAdd && role !== 'owner' && userId !== chat.me.id && (
              <IconButton
                icon="close"
                label={say('removeName', userName)}
                onClick={() =>
                  void attempt(async () => {
                    await groups.remove(id, userId);
                    await read();
                  })
                }
              />
            )}
          </li>
        ))}
      </ul>
      {next !== undefined && (
        <button
          type="button"
          class="link"
          onClick={() =>
            void attempt(async () => {
              const page = await groups.members(id, { limit: PAGE, after: next });
              setMembers([...members, ...page.items]);
              setNext(page.next);
            })
          }
        >
          {say('moreMembers')}
        </button>
      )}
      {group?.role !== undefined && (
        <footer>
          {asks ? (
            <>
              <span>{say(isOwner ? 'disbandAsk' : 'leaveAsk')}</span>
              <button type="button" onClick={() => setAsks(false)}>
                {say('cancel')}
              </button>
              <button
                type="button"
                class="danger"
                onClick={() =>
                  void attempt(async () => {
                    await (isOwner ? groups.disband(id) : groups.leave(id));
                    chat.forget(`g${id}`);
                  })
                }
              >
                {say(isOwner ? 'disband' : 'leave')}
              </button>
            </>
          ) : (
            <button type="button" class="danger" onClick={() => setAsks(true)}>
              {say(isOwner ? 'disband' : 'leave')}
            </button>
          )}
        </footer>
      )}
    </Dialog>
  );
}
