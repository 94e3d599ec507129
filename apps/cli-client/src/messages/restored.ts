import type { CimClient, Recipient } from '@cim/client/node';
import type { UserId } from '@cim/protocol';
import type { Contacts } from './contacts.ts';
import { sentId } from '../files/history.ts';
import type { Said } from '../screen/view.ts';

interface Restored {
  readonly to: Recipient;
  readonly said: Said;
}

/** What becomes of sends that the last run has left. */
export interface RestoredParts {
  /** They are on their way again. */
  begun(sends: number): void;
  /** @param id see `sentId` */
  stored(ref: number, said: Said, id: string): void;
  failed(said: Said, why: string): void;
}

/** Listens from before the first connect. No promise tells the end of these sends, only events. */
export function followRestored(
  chat: { readonly client: CimClient; readonly contacts: Contacts; readonly now: () => number },
  parts: RestoredParts,
): void {
  const { client, contacts, now } = chat;
  /** By ref; removed when it is answered. */
  const restored = new Map<number, Restored>();
  const take = (ref: number): Restored | undefined => {
    const send = restored.get(ref);
    restored.delete(ref);
    return send === undefined ? undefined : { ...send, said: { ...send.said, at: now() } };
  };
  client.on('queued', (send) => {
    if (!send.restored) return;
    const whom =
      'user' in send.to ? { private: true, to: contacts.nameOf(send.to.user as UserId) } : { private: false };
    const from = client.user?.userName ?? '';
    const said = { at: now(), from, text: send.texts.join('\n'), ...whom };
    restored.set(send.ref, { to: send.to, said });
  });
  client.on('connected', ({ again }) => {
    if (!again && restored.size > 0) parts.begun(restored.size);
  });
  client.on('stored', ({ ref, id }) => {
    const send = take(ref);
    if (send !== undefined) parts.stored(ref, send.said, sentId(send.to, id));
  });
  for (const event of ['refused', 'unknown'] as const)
    client.on(event, ({ ref, text }) => {
      const send = take(ref);
      if (send !== undefined) parts.failed(send.said, text);
    });
}
