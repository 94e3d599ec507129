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
  const shown = new Notification(plain(title), { body: plain(body), tag: line.key, icon: '/icon.svg' });
  shown.onclick = () => {
    window.focus();
    onClick();
    shown.close();
  };
}
