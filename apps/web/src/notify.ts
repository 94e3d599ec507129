import type { Conversation } from './model/conversation.ts';
import type { Shown } from './model/shown.ts';
import { nameOf, say } from './words.ts';

export const canNotify = (): boolean => 'Notification' in globalThis;
const mayNotify = (): boolean => canNotify() && Notification.permission === 'granted';

/** What the service worker is asked to show. */
export interface Note {
  readonly title: string;
  readonly body: string;
  /** Id of the conversation: there is one notification of each. */
  readonly tag: string;
}

/** Characters that change the direction of what stands beside them, and controls: not in a window of the system. */
const CONTROLS = /[\p{Cc}\p{Cf}]/gu;
const TEXT_CHARACTERS = 200;

/**
 * Shows a message beside the page, by the service worker: it knows whether a person looks at another tab, and on Android a page may
 * not do it. Without one the page does.
 * @param onClick the person wants to see the conversation
 */
export async function notify(line: Shown, conversation: Conversation, onClick: () => void): Promise<void> {
  if (!mayNotify()) return;
  const plain = (text: string): string => text.slice(0, TEXT_CHARACTERS).replaceAll(CONTROLS, ' ');
  const title = conversation.isGroup ? `${line.from.name} · ${nameOf(conversation)}` : line.from.name;
  const body = line.texts.length > 0 ? line.texts.join(' ') : say('otherType', line.type);
  const note: Note = { title: plain(title), body: plain(body), tag: conversation.id };
  const worker = (await registration())?.active;
  if (worker) worker.postMessage(note);
  else if (!document.hasFocus()) open(note, onClick);
}

/** A person looks at the page: what was shown beside it has done its work. */
export async function closeNotifications(): Promise<void> {
  for (const one of (await (await registration())?.getNotifications()) ?? []) one.close();
}

/** A click on a notification asks for its conversation. */
export function onNotificationClick(show: (conversation: string) => void): void {
  if (!('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    const { show: id } = data as { readonly show?: unknown };
    if (typeof id === 'string') show(id);
  });
}

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  return 'serviceWorker' in navigator ? navigator.serviceWorker.getRegistration() : undefined;
}

function open({ title, ...options }: Note, onClick: () => void): void {
  try {
    const shown = new Notification(title, { ...options, icon: '/icon.svg' });
    shown.onclick = () => {
      window.focus();
      onClick();
      shown.close();
    };
  } catch {
    // A page may not open one itself in Chrome on Android. A listener that failed would have the client offer the message again.
  }
}
