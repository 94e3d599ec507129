import {
  CimError,
  cim,
  groupStream,
  inboxOf,
  LOBBY,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { type Entry, entryId, type Streams } from '@cim/store';
import type { HistoryEntry, HistoryPage, HistoryQuestion } from './schemas.ts';

const DEFAULT_LIMIT = 50;

/**
 * A page of a stream that the user reads, ascending. What retention has trimmed is not there: since seqs have no gaps,
 * a first entry above `after` + 1 says how much.
 * @throws {CimError} 3000: both directions at once
 */
export async function historyPage(
  streams: Streams,
  user: UserId,
  ask: HistoryQuestion,
): Promise<HistoryPage> {
  const { after, before, limit = DEFAULT_LIMIT } = ask;
  if (after !== undefined && before !== undefined)
    throw new CimError('invalid', 'give after or before, not both');
  const stream = ask.stream === 'inbox' ? inboxOf(user) : groupStream(LOBBY);
  const { first, top } = await streams.position(stream);
  if (after !== undefined) {
    const from = Math.max(first, after + 1);
    const to = Math.min(top, from + limit - 1);
    const entries = await readRange(streams, stream, from, to);
    return { entries, more: to < top };
  }
  const to = Math.min(top, (before ?? Number.MAX_SAFE_INTEGER) - 1);
  const from = Math.max(first, to - limit + 1);
  return { entries: await readRange(streams, stream, from, to), more: from > first && to >= first };
}

/** A read of the store may answer less than it was asked for, by bytes. */
async function readRange(
  streams: Streams,
  stream: StreamRef,
  from: number,
  to: number,
): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  for (let next = from; next <= to; ) {
    const read = await streams.read(stream, next as Seq, to - next + 1);
    const last = read.at(-1);
    if (last === undefined) break;
    // Entries that were trimmed meanwhile make the read begin, and end, later.
    for (const entry of read) if (entry.seq <= to) entries.push(toHistory(entry));
    next = last.seq + 1;
  }
  return entries;
}

const toHistory = (entry: Entry): HistoryEntry => ({
  seq: entry.seq,
  id: entryId(entry),
  from: { userId: entry.sender.userId, userName: entry.sender.userName },
  texts: textsOf(entry.content),
  storedAt: entry.storedAt,
});

/** One that cannot be read hides no other: it has no texts. */
function textsOf(content: Uint8Array): string[] {
  try {
    return cim.Content.decode(content).texts;
  } catch {
    return [];
  }
}
