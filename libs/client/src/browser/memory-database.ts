import type { Database, KeptSend, Received, WholeState } from './database.ts';

/**
 * A database for a browser that stores nothing, as some private windows do. It ends with the page, and each
 * tab is a client of its own.
 */
export function openMemoryDatabase(): Database {
  let received: Received[] = [];
  const sends = new Map<number, KeptSend>();
  let whole: WholeState | undefined;
  let [shown, newest, refs] = [0, 0, 0];
  return {
    durable: false,
    shown: () => Promise.resolve(shown),
    markShown(at) {
      shown = Math.max(shown, at);
      return Promise.resolve();
    },
    newest: () => Promise.resolve(newest),
    received: (after, limit) => Promise.resolve(received.filter(({ at }) => at > after).slice(0, limit)),
    messages({ conversation, before = Infinity, limit = 50 }) {
      const found = received.flatMap(({ at, event }) =>
        event?.event === 'message' && event.value.conversation === conversation && at < before
          ? [{ ...event.value, at }]
          : [],
      );
      return Promise.resolve(found.slice(-limit));
    },
    addSend(send) {
      sends.set(++refs, { ...send, ref: refs });
      return Promise.resolve(refs);
    },
    sends: (after) => Promise.resolve([...sends.values()].filter(({ ref }) => ref > after)),
    removeSends(gone) {
      for (const ref of gone) sends.delete(ref);
      return Promise.resolve();
    },
    load: () => Promise.resolve(whole),
    write(changes) {
      for (const one of changes.received) received.push({ ...one, at: ++newest });
      for (const send of changes.sends) sends.set(send.ref, send);
      if (changes.state !== undefined) whole = { state: changes.state, at: newest };
      return Promise.resolve();
    },
    trim(upTo) {
      received = received.filter(({ at }) => at > Math.min(upTo, shown, whole?.at ?? 0));
      return Promise.resolve();
    },
    close: () => undefined,
  };
}
