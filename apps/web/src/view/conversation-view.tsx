import type { JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { linesWith } from '../model/history.ts';
import { memberText, nameOf, say } from '../words.ts';
import { type About, Composer } from './composer.tsx';
import { GroupDialog } from './group-dialog.tsx';
import { History } from './history.tsx';
import type { LineActions } from './message.tsx';
import { Avatar, IconButton } from './parts.tsx';

interface Props {
  readonly chat: Chat;
  readonly conversation: Conversation;
  readonly onBack: () => void;
  /** Shows who is online. */
  readonly onPeople: () => void;
}

/** Whether the other side is online is asked so often [ms]. */
const PRESENCE_MS = 30_000;
/** A message may tell of a change: then it is asked too, but never more often than this [ms]. */
const PRESENCE_AT_MOST_MS = 2_000;

/** The open conversation. Its owner gives it the id as key. */
export function ConversationView({ chat, conversation, onBack, onPeople }: Props): JSX.Element {
  const [about, setAbout] = useState<About>();
  const [searching, setSearching] = useState(false);
  const [target, setTarget] = useState<{ readonly key: string }>();
  // Somebody who has made a group adds others next.
  const [showsGroup, setShowsGroup] = useState(conversation.isNew);
  const atEnd = useRef(false);
  const name = nameOf(conversation);
  const watch = useCallback((): void => {
    chat.watch(atEnd.current && document.visibilityState === 'visible' && document.hasFocus());
  }, [chat]);
  useEffect(() => {
    for (const event of ['focus', 'blur', 'visibilitychange']) addEventListener(event, watch);
    return () => {
      for (const event of ['focus', 'blur', 'visibilitychange']) removeEventListener(event, watch);
      chat.watch(false);
    };
  }, [chat, watch]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'f' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setSearching(true);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const actions = useMemo<LineActions>(
    () => ({
      onReply: (line) => setAbout({ kind: 'reply', line }),
      onEdit: (line) => setAbout({ kind: 'edit', line }),
      onRecall: ({ id }) => id !== undefined && chat.recall(id),
      onReact: ({ id }, reaction) => id !== undefined && chat.react(id, reaction),
      onAgain: ({ key }) => chat.again(key),
      onDrop: ({ key }) => chat.drop(key),
      onJump: (id) => {
        const line = conversation.lines.find((one) => one.id === id);
        if (line !== undefined) setTarget({ key: line.key });
      },
    }),
    [chat, conversation],
  );
  return (
    <section class="conversation" aria-label={name}>
      <header>
        <IconButton icon="back" class="only-narrow" label={say('back')} onClick={onBack} />
        <Avatar id={conversation.id} name={name} {...(conversation.isGroup && { icon: 'people' as const })} />
        <div class="who">
          <h2>
            <bdi>{name}</bdi>
          </h2>
          <Standing chat={chat} conversation={conversation} />
        </div>
        <IconButton
          icon="search"
          label={say('searchIn')}
          pressed={searching}
          onClick={() => setSearching(!searching)}
        />
        {conversation.isGroup && (
          <IconButton
            icon="people"
            label={say(conversation.isLobby ? 'online' : 'members')}
            onClick={() => (conversation.isLobby ? onPeople() : setShowsGroup(true))}
          />
        )}
      </header>
      {searching && (
        <SearchBar
          chat={chat}
          conversation={conversation}
          onShow={(key) => setTarget(key === undefined ? undefined : { key })}
          onClose={() => {
            setSearching(false);
            setTarget(undefined);
          }}
        />
      )}
      <History
        lines={conversation.lines}
        me={chat.me.id}
        named={conversation.isGroup}
        label={say('messages')}
        hasOlder={conversation.hasOlder}
        isLoading={conversation.loading}
        firstUnread={conversation.firstUnread}
        target={target}
        actions={actions}
        onOlder={() => void chat.history.older(conversation)}
        onEnd={(value) => {
          atEnd.current = value;
          watch();
        }}
      />
      <Composer chat={chat} conversation={conversation} about={about} onAbout={setAbout} />
      {showsGroup && (
        <GroupDialog
          chat={chat}
          id={conversation.id.slice(1)}
          onClose={() => {
            conversation.isNew = false;
            setShowsGroup(false);
          }}
        />
      )}
    </section>
  );
}

interface PartProps {
  readonly chat: Chat;
  readonly conversation: Conversation;
}

/** Below the name: who types, else whether the other side is online, or how many members there are. */
function Standing({ chat, conversation }: PartProps): JSX.Element {
  const [text, setText] = useState('');
  const [online, setOnline] = useState(false);
  const askedAt = useRef(-Infinity);
  useEffect(() => {
    const ask = async (): Promise<void> => {
      if (document.visibilityState !== 'visible' || chat.link.state !== 'online') return;
      const id = conversation.id.slice(1);
      try {
        if (conversation.isLobby) return;
        if (conversation.isGroup) {
          const { members } = await chat.client.groups.get(id);
          setText(memberText(members));
          return;
        }
        const { online: is } = await chat.client.users.byId(Number(id));
        setOnline(is);
        setText(say(is ? 'isOnline' : 'isOffline'));
      } catch {
        setText('');
      }
    };
    const askNow = (): void => {
      askedAt.current = performance.now();
      void ask();
      timer = setTimeout(askNow, PRESENCE_MS);
    };
    let timer = setTimeout(askNow, askedAt.current + PRESENCE_AT_MOST_MS - performance.now());
    return () => {
      clearTimeout(timer);
    };
  }, [chat, conversation, chat.link.state, conversation.lines.at(-1)?.key]);
  const [first, ...others] = conversation.typing(Date.now());
  return (
    <p class={`standing quiet ${online && !conversation.isGroup ? 'online' : ''}`} role="status">
      {first === undefined ? (
        conversation.isLobby ? (
          say('everybodyHint')
        ) : (
          text
        )
      ) : (
        <em>
          {!conversation.isGroup ? (
            say('typing')
          ) : others.length > 0 ? (
            say('typingSome')
          ) : (
            <>
              <bdi>{first}</bdi> {say('typing')}
            </>
          )}
        </em>
      )}
    </p>
  );
}

interface SearchProps extends PartProps {
  readonly onShow: (key: string | undefined) => void;
  readonly onClose: () => void;
}

/** Finds a word in what is loaded, and then in older pages. */
function SearchBar({ chat, conversation, onShow, onClose }: SearchProps): JSX.Element {
  const [word, setWord] = useState('');
  const [at, setAt] = useState(-1);
  const [busy, setBusy] = useState(false);
  const wanted = useRef('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    return () => {
      wanted.current = '';
    };
  }, []);
  const found = word === '' ? [] : linesWith(conversation, word);
  const show = (index: number): void => {
    setAt(index);
    onShow(found[index]);
  };
  const older = async (): Promise<void> => {
    if (word === '' || busy) return;
    if (at + 1 < found.length) return show(at + 1);
    setBusy(true);
    const more = await chat.history.search(conversation, word, () => wanted.current === word);
    setBusy(false);
    if (!more || wanted.current !== word) return;
    setAt(at + 1);
    onShow(linesWith(conversation, word)[at + 1]);
  };
  return (
    <div class="search" role="search">
      <input
        ref={field}
        type="search"
        aria-label={say('searchIn')}
        placeholder={say('searchIn')}
        value={word}
        onInput={({ currentTarget }) => {
          const next = currentTarget.value.trim();
          wanted.current = next;
          setWord(next);
          setAt(-1);
          onShow(undefined);
        }}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === 'Escape') onClose();
          else if (event.key === 'Enter' && event.shiftKey && at > 0) show(at - 1);
          else if (event.key === 'Enter') void older();
        }}
      />
      <span class="quiet" role="status">
        {word === ''
          ? ''
          : busy
            ? say('searching')
            : found.length === 0
              ? say(!conversation.hasOlder ? 'foundNone' : 'foundNoneYet')
              : `${at + 1} / ${found.length}${!conversation.hasOlder ? '' : '+'}`}
      </span>
      <IconButton icon="up" label={say('searchOlder')} onClick={() => void older()} />
      <IconButton icon="down" label={say('searchNewer')} onClick={() => at > 0 && show(at - 1)} />
      <IconButton icon="close" label={say('close')} onClick={onClose} />
    </div>
  );
}
