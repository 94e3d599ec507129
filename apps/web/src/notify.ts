import type { Conversation } from './model/conversation.ts';
import type { Shown } from './model/shown.ts';
import { nameOf, say } from './words.ts';

export const canNotify = (): boolean => 'Notification' in globalThis;
export const mayNotify = (): boolean => canNotify() && Notification.permission === 'granted';

/** Characters that change the direction of what stands beside them, and controls: not in a window of the system. */
const CONTROLS = /[\p{Cc}\p{Cf}]/gu;
const TEXT_CHARACTERS = 200;

/**
 * Shows a message beside the page. Several tabs may do so for one message: the browser shows one of each tag.
 * @param onClick the person wants to see the conversation
 */
export function notify(line: Shown, conversation: Conversation, onClick: () => void): void {
  if (!mayNotify()) return;
  const plain = (text: string): string => text.slice(0, TEXT_CHARACTERS).replaceAll(CONTROLS, ' ');
  const title = conversation.isGroup ? `${line.from.name} · ${nameOf(conversation)}` : line.from.name;
  const body = line.texts.length > 0 ? line.texts.join(' ') : say('otherType', line.type);
  const shown = opened(plain(title), { body: plain(body), tag: line.key, icon: '/icon.svg' });
  if (shown === undefined) return;
  shown.onclick = () => {
    window.focus();
    onClick();
    shown.close();
  };
}

/**
 * Undefined where a page may not open one itself, as in Chrome on Android, which throws. A listener that fails would have the client
 * offer the message again and again.
 */
function opened(title: string, options: NotificationOptions): Notification | undefined {
  try {
    return new Notification(title, options);
  } catch {
    return undefined;
  }
}
