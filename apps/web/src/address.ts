import type { Chat } from './model/chat.ts';

/**
 * The conversation that is open stands in the address of the page: a reload comes back to it, and the button "back" of a phone
 * leads to the list.
 */
const idIn = (address: string): string => new URL(address, location.href).hash.slice(1);

/** The conversation that the address names, when this user has it. */
export function openAddressed(chat: Chat): void {
  const id = idIn(location.href);
  const isKnown = chat.conversations.some((one) => one.id === id);
  if (id !== (chat.open?.id ?? '') && (id === '' || isKnown)) void chat.show(isKnown ? id : undefined);
}

/** Writes the conversation that is open into the address. Only the step from the list to a conversation can be gone back. */
export function address(open: string | undefined): void {
  const now = idIn(location.href);
  if (now === (open ?? '')) return;
  if (open === undefined) history.replaceState(null, '', location.pathname);
  else if (now === '') history.pushState('opened', '', `#${open}`);
  else history.replaceState(history.state, '', `#${open}`);
}

/** Back to the list, as the button of the browser does it. @returns false: there is no list behind this page */
export function back(): boolean {
  if (history.state !== 'opened') return false;
  history.back();
  return true;
}
