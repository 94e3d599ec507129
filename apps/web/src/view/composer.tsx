import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import type { Shown } from '../model/shown.ts';
import { messagesOf } from '../text/split.ts';
import { nameOf, say } from '../words.ts';
import { Icon } from './icons.tsx';
import { IconButton } from './parts.tsx';

/** A message that is being edited or answered. */
export type About = { readonly kind: 'edit' | 'reply'; readonly line: Shown };

interface Props {
  readonly chat: Chat;
  readonly conversation: Conversation;
  readonly about: About | undefined;
  readonly onAbout: (about: About | undefined) => void;
}

/** A larger file is none of text that somebody would read here [bytes]. */
const FILE_BYTES = 256 * 1024;
/** Safari tells of the key that ends a composition so shortly after its end [ms]. */
const COMPOSED_MS = 10;
/** Files whose text is prose; any other is code. */
const PROSE = /\.(?:txt|md)$/i;

/** Where a message is written. Its owner gives it the id of the conversation as key: each has its own. */
export function Composer({ chat, conversation, about, onAbout }: Props): JSX.Element {
  const [text, setText] = useState(conversation.draft);
  const field = useRef<HTMLTextAreaElement>(null);
  const chosen = useRef<HTMLInputElement>(null);
  const composedAt = useRef(-Infinity);
  useLayoutEffect(() => grow(field.current), [text]);
  useEffect(() => {
    // On a phone the keyboard would cover what somebody wants to read.
    if (matchMedia('(hover: hover)').matches) field.current?.focus();
  }, []);
  useEffect(() => {
    if (about === undefined) return;
    if (about.kind === 'edit') setText(about.line.texts.join('\n'));
    field.current?.focus();
  }, [about]);
  const write = (next: string): void => {
    setText(next);
    if (about?.kind === 'edit') return;
    chat.draft(conversation, next);
    if (next !== '') chat.types();
  };
  const messages = messagesOf(text.trim() === '' ? '' : text.replace(/^\n+/, '').trimEnd());
  const end = (): void => {
    setText(about?.kind === 'edit' ? conversation.draft : '');
    if (about?.kind !== 'edit') chat.draft(conversation, '');
    onAbout(undefined);
  };
  const send = (): void => {
    if (messages.length === 0) return;
    const id = about?.line.id;
    if (about?.kind !== 'edit') chat.send(messages, id);
    // An edit is one message; what does not fit is told by the server.
    else if (id !== undefined) chat.edit(id, messages.flat());
    end();
    field.current?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.isComposing || composedAt.current > event.timeStamp - COMPOSED_MS) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'Escape' && about !== undefined) {
      event.stopPropagation();
      end();
    } else if (event.key === 'ArrowUp' && !event.altKey && text === '' && about === undefined) {
      const line = conversation.lines.findLast((one) => one.own && one.id !== undefined && isText(one));
      if (line === undefined) return;
      event.preventDefault();
      onAbout({ kind: 'edit', line });
    }
  };
  const takeFile = async (file: File): Promise<void> => {
    const dropped = file.size > FILE_BYTES ? undefined : await textOf(file);
    if (dropped === undefined) chat.tell('error', say('noText', file.name));
    else write(joined(field.current?.value ?? '', PROSE.test(file.name) ? dropped : blockOf(dropped)));
    field.current?.focus();
  };
  const isDragged = useDrop((file) => void takeFile(file));
  const hint = say('write', nameOf(conversation));
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {isDragged && (
        <p class="hint" role="status">
          {say('dropHere')}
        </p>
      )}
      {about !== undefined && (
        <div class="about">
          <Icon name="reply" />
          <p>
            <b>{about.kind === 'edit' ? say('editing') : say('replying', about.line.from.name)}</b>
            <bdi>{about.line.texts.join(' ').slice(0, 160)}</bdi>
          </p>
          <IconButton icon="close" label={say('cancel')} onClick={end} />
        </div>
      )}
      {messages.length > 1 && about?.kind !== 'edit' && (
        <p class="hint quiet" role="status">
          {say('parts', messages.length)}
        </p>
      )}
      <div class="field">
        <input
          ref={chosen}
          type="file"
          hidden
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            // The same file may be chosen again.
            currentTarget.value = '';
            if (file !== undefined) void takeFile(file);
          }}
        />
        <IconButton
          icon="file"
          class="file"
          label={say('takeFile')}
          onClick={() => chosen.current?.click()}
        />
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          aria-label={hint}
          placeholder={hint}
          value={text}
          onInput={({ currentTarget }) => write(currentTarget.value)}
          onKeyDown={onKey}
          onCompositionEnd={({ timeStamp }) => (composedAt.current = timeStamp)}
          onPaste={(event) => {
            const [file] = event.clipboardData?.files ?? [];
            if (file === undefined || event.clipboardData?.getData('text/plain') !== '') return;
            event.preventDefault();
            void takeFile(file);
          }}
        />
        <button
          type="submit"
          class="send"
          aria-label={say('send')}
          title={say('send')}
          disabled={messages.length === 0}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

export const isText = ({ type, recalled }: Shown): boolean => type === '' && !recalled;

/** Files may be dropped anywhere in the page. @returns whether one is held above it */
function useDrop(onFile: (file: File) => void): boolean {
  const [isDragged, setIsDragged] = useState(false);
  const take = useRef(onFile);
  take.current = onFile;
  useEffect(() => {
    const listeners = {
      dragover: () => setIsDragged(true),
      // Nothing is entered when the window is left.
      dragleave: (event: DragEvent) => event.relatedTarget === null && setIsDragged(false),
      drop: (event: DragEvent) => {
        setIsDragged(false);
        const [file] = event.dataTransfer?.files ?? [];
        if (file !== undefined) take.current(file);
      },
    };
    const names = Object.keys(listeners) as (keyof typeof listeners)[];
    for (const name of names) addEventListener(name, listeners[name]);
    return () => {
      for (const name of names) removeEventListener(name, listeners[name]);
    };
  }, []);
  return isDragged;
}

const joined = (before: string, text: string): string =>
  before === '' || before.endsWith('\n') ? before + text : `${before}\n${text}`;

/** Code between fences that are longer than any in it. */
function blockOf(code: string): string {
  const longest = Math.max(2, ...(code.match(/^`+/gm) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${code.trimEnd()}\n${fence}`;
}

/** As high as its text, up to what the style allows. */
function grow(field: HTMLTextAreaElement | null): void {
  if (field === null) return;
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight}px`;
}

/** Undefined when it is no text. */
async function textOf(file: File): Promise<string | undefined> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
