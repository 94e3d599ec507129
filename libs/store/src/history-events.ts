import { decodeContent, type MessageId, type UserId } from '@cim/protocol';
import type { LogScans } from './log-scans.ts';
import type { Entry, EventAt } from './streams.ts';
import type { StreamRef } from '@cim/protocol';

/** Entries between two events that are read along, since a further read costs more than they do. */
const READ_ALONG = 16;
/** Longest range that is read at a time [entries]. */
const RANGE = 256;
/** Ranges that are read at a time. Their entries are in memory together. */
const RANGES = 4;

/** What events make of one message. The newest event of a kind counts; a recall hides everything for good. */
export interface Folded {
  recalled: boolean;
  edit?: { readonly texts: readonly string[]; readonly at: number };
  /** Key: the user who reacted. In the order in which the reactions that count were stored. */
  readonly reactions: Map<UserId, string>;
}

/**
 * Reads events and folds them.
 * @param events ascending by seq, all of messages that are asked for
 * @param belongs whether an entry is part of the conversation
 * @param senders of the messages: nobody else's edit counts, and in a private conversation nobody else's recall
 */
export async function foldEvents(
  scans: LogScans,
  stream: StreamRef,
  events: readonly EventAt[],
  belongs: (entry: Entry) => boolean,
  senders: ReadonlyMap<MessageId, UserId>,
): Promise<Map<MessageId, Folded>> {
  const about = new Map(events.map((event) => [event.seq as number, event.about]));
  const folded = new Map<MessageId, Folded>();
  const ranges = rangesOf(events);
  for (let i = 0; i < ranges.length; i += RANGES) {
    const pages = await Promise.all(
      ranges.slice(i, i + RANGES).map(([from, to]) => scans.range(stream, from, to)),
    );
    for (const entry of pages.flat()) {
      const id = about.get(entry.seq);
      const sender = id && senders.get(id);
      if (id === undefined || sender === undefined || !belongs(entry)) continue;
      const of = folded.get(id) ?? { recalled: false, reactions: new Map() };
      folded.set(id, of);
      foldInto(of, entry, { isOwn: entry.sender.userId === sender, inGroup: stream.kind === 'group' });
    }
  }
  return folded;
}

function foldInto(
  of: Folded,
  entry: Entry,
  by: { readonly isOwn: boolean; readonly inGroup: boolean },
): void {
  const content = decodeContent(entry.content);
  switch (content?.type) {
    case 'recall':
      // In a group the send was checked: it was the sender's own message, or an admin's recall.
      if (by.isOwn || by.inGroup) of.recalled = true;
      return;
    case 'edit':
      if (by.isOwn) of.edit = { texts: content.texts, at: entry.storedAt };
      return;
    case 'reaction': {
      const [reaction = ''] = content.texts;
      of.reactions.delete(entry.sender.userId);
      if (reaction !== '') of.reactions.set(entry.sender.userId, reaction);
    }
  }
}

/** Ranges of seqs that hold all of the events. */
function rangesOf(events: readonly EventAt[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const { seq } of events) {
    const last = ranges.at(-1);
    if (last !== undefined && seq - last[1] <= READ_ALONG && seq - last[0] < RANGE) last[1] = seq;
    else ranges.push([seq, seq]);
  }
  return ranges;
}
