import {
  CimError,
  contentType,
  decodeContent,
  groupStream,
  inboxOf,
  LOBBY,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { type Entry, messageIdOf, type Streams } from '@cim/store';
import type { HistoryEntry, HistoryPage, HistoryQuestion } from './schemas.ts';

const DEFAULT_LIMIT = 50;
/** Content of a page [B], unless its first entry alone is longer. JSON may make six times as much of it, in one turn. */
const PAGE_BYTES = 128 * 1024;

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
    const read = await readRange(streams, stream, from, to);
    const fitting = read.slice(0, howManyFit(read));
    return { entries: fitting.map(toHistory), more: fitting.length < read.length || to < top };
  }
  const to = Math.min(top, (before ?? Number.MAX_SAFE_INTEGER) - 1);
  const from = Math.max(first, to - limit + 1);
  const read = await readRange(streams, stream, from, to);
  const fitting = read.slice(read.length - howManyFit(read.toReversed()));
  return {
    entries: fitting.map(toHistory),
    more: fitting.length < read.length || (from > first && to >= first),
  };
}

/** How many of the entries, from the first on, one page takes: at least one. */
function howManyFit(entries: readonly Entry[]): number {
  let bytes = 0;
  const beyond = entries.findIndex(({ content }, i) => (bytes += content.length) > PAGE_BYTES && i > 0);
  return beyond === -1 ? entries.length : beyond;
}

/** A read of the store may answer less than it was asked for, by bytes. */
async function readRange(streams: Streams, stream: StreamRef, from: number, to: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next = from; next <= to; ) {
    const read = await streams.read(stream, next as Seq, to - next + 1);
    const last = read.at(-1);
    if (last === undefined) break;
    // Entries that were trimmed meanwhile make the read begin, and end, later.
    for (const entry of read) if (entry.seq <= to) entries.push(entry);
    next = last.seq + 1;
  }
  return entries;
}

const toHistory = (entry: Entry): HistoryEntry => ({
  seq: entry.seq,
  id: messageIdOf(entry),
  from: { userId: entry.sender.userId, userName: entry.sender.userName },
  texts: textsOf(entry.content),
  storedAt: entry.storedAt,
});

/** As a CIM client is shown it. A content that cannot be read hides no other: it has no texts. */
function textsOf(content: Uint8Array): string[] {
  const decoded = decodeContent(content);
  return decoded === undefined ? [] : [...contentType(decoded.type).cimTexts(decoded)];
}
