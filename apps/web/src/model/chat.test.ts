import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chat } from './chat.ts';

/** A chat whose client is online and has no history, and what has a message come in. */
function begin() {
  const listeners = new Map<string, (value: unknown) => void>();
  const calls = {
    messages: () => Promise.resolve({ items: [], next: 'older' }),
    info: () => Promise.resolve({ name: 'bob', unread: 0, n: 0 }),
    read: () => Promise.resolve(),
  };
  const client = {
    ...{ user: { userId: 1_001, userName: 'alice' }, online: true },
    on: (event: string, listener: (value: unknown) => void) => listeners.set(event, listener),
    conversation: () => calls,
  };
  const kept = { save: () => Promise.resolve() };
  const chat = new Chat(client as never, kept as never, { onChange() {}, onMessage() {} });
  const hear = (n: number): void =>
    listeners.get('message')?.({
      ...{ id: `1002:p:${n}`, own: false, storedAt: n, n, texts: [`text ${n}`], type: '' },
      ...{ from: { userId: 1_002, userName: 'bob' }, conversation: 'u1002' },
    });
  return { chat, hear };
}

test('a conversation that is not open keeps a bounded number of lines, the newest, and is read anew when it is opened', () => {
  const { chat, hear } = begin();
  for (let n = 1; n <= 5_000; n++) hear(n);
  const [conversation] = chat.conversations;
  assert.ok(conversation);
  assert.ok(conversation.lines.length <= 1_000, `${conversation.lines.length} lines`);
  assert.deepEqual(conversation.lines.at(-1)?.texts, ['text 5000']);
  assert.deepEqual([conversation.unread, conversation.loaded], [5_000, false]);
});

test('so does the one that is open, and what is left out is read again when somebody scrolls up', async () => {
  const { chat, hear } = begin();
  await chat.show('u1002', 'bob');
  chat.watch(true);
  for (let n = 1; n <= 2_001; n++) hear(n);
  const { open } = chat;
  await new Promise(setImmediate);
  assert.equal(open?.lines.length, 50);
  assert.deepEqual([open.lines.at(-1)?.texts, open.loaded, open.hasOlder], [['text 2001'], true, true]);
  chat.watch(false);
});
