import type { CimClient } from '@cim/client';
import type { UserId } from '@cim/protocol';
import type { Contacts } from './contacts.ts';
import type { Said } from './view.ts';

/** What becomes of sends that the last run has left. */
export interface RestoredParts {
  /** They are on their way again. */
  begun(sends: number): void;
  stored(ref: number, said: Said): void;
  failed(said: Said, why: string): void;
}

/** Listens from before the first connect. No promise tells the end of these sends, only events. */
export function followRestored(
  chat: { readonly client: CimClient; readonly contacts: Contacts; readonly now: () => number },
  parts: RestoredParts,
): void {
  const { client, contacts, now } = chat;
  /** By ref; removed when it is answered. */
  const restored = new Map<number, Said>();
  const take = (ref: number): Said | undefined => {
    const said = restored.get(ref);
    restored.delete(ref);
    return said === undefined ? undefined : { ...said, at: now() };
  };
  client.on('queued', (send) => {
    if (!send.restored) return;
    const whom =
      'user' in send.to ? { private: true, to: contacts.nameOf(send.to.user as UserId) } : { private: false };
    const from = client.user?.userName ?? '';
    restored.set(send.ref, { at: now(), from, text: send.texts.join('\n'), ...whom });
  });
  client.on('connected', ({ again }) => {
    if (!again && restored.size > 0) parts.begun(restored.size);
  });
  client.on('stored', ({ ref }) => {
    const said = take(ref);
    if (said !== undefined) parts.stored(ref, said);
  });
  for (const event of ['refused', 'unknown'] as const)
    client.on(event, ({ ref, text }) => {
      const said = take(ref);
      if (said !== undefined) parts.failed(said, text);
    });
}
