import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from './model/conversation.ts';
import { FRESH, type Shown } from './model/shown.ts';

test('a browser without a service worker whose pages may not open notifications does not fail the message', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: { language: 'en' }, configurable: true });
  let asked = 0;
  class Illegal {
    static readonly permission = 'granted';
    constructor() {
      asked++;
      throw new TypeError('Illegal constructor');
    }
  }
  Object.assign(globalThis, { Notification: Illegal, document: { hasFocus: () => false } });
  const { notify } = await import('./notify.ts');
  const from = { id: 1_002, name: 'bob' };
  const line: Shown = { key: 'a', id: 'a', from, own: false, at: 1, texts: ['hello'], type: '', ...FRESH };
  await notify(line, new Conversation('u1002', 'bob'), () => undefined);
  assert.equal(asked, 1);
});
