import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chat } from './chat.ts';

test('a conversation that is not open keeps a bounded number of lines, the newest, and is read anew when it is opened', () => {
  const listeners = new Map<string, (value: unknown) => void>();
  const client = {
    user: { userId: 1_001, userName: 'alice' },
    on: (event: string, listener: (value: unknown) => void) => listeners.set(event, listener),
  };
  const kept = { save: () => Promise.resolve() };
  const chat = new Chat(client as never, kept as never, { onChange() {}, onMessage() {} });
  for (let n = 1; n <= 5_000; n++)
    listeners.get('message')?.({
      ...{ id: `1002:p:${n}`, own: false, storedAt: n, n, texts: [`text ${n}`], type: '' },
      ...{ from: { userId: 1_002, userName: 'bob' }, conversation: 'u1002' },
    });
  const [conversation] = chat.conversations;
  assert.ok(conversation);
  assert.ok(conversation.lines.length <= 1_000, `${conversation.lines.length} lines`);
  assert.deepEqual(conversation.lines.at(-1)?.texts, ['text 5000']);
  assert.deepEqual([conversation.unread, conversation.loaded], [5_000, false]);
  chat.keepNow();
});
