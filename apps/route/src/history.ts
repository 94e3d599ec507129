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
/**
 * Most content of a page [bytes], unless its first entry alone is longer. JSON may be six times as long, and
 * is made in one turn.
 */
const PAGE_BYTES = 128 * 1024;

/**
 * A page of a stream that the user reads, ascending. Entries that retention has trimmed are missing. Since
 * seqs have no gaps, a first entry above `after` + 1 shows how many.
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

/** Number of entries from the first on that fit into one page; at least one. */
function howManyFit(entries: readonly Entry[]): number {
  let bytes = 0;
  const beyond = entries.findIndex(({ content }, i) => (bytes += content.length) > PAGE_BYTES && i > 0);
  return beyond === -1 ? entries.length : beyond;
}

/** Reads a range. One read of the store may answer less, since it is limited by bytes. */
async function readRange(streams: Streams, stream: StreamRef, from: number, to: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next = from; next <= to; ) {
    const read = await streams.read(stream, next as Seq, to - next + 1);
    const last = read.at(-1);
    if (last === undefined) break;
    // If entries are trimmed meanwhile, a read begins and ends later.
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

/**
 * The texts that a CIM client shows. A content that cannot be decoded has no texts, and does not prevent the
 * others.
 */
function textsOf(content: Uint8Array): string[] {
  const decoded = decodeContent(content);
  return decoded === undefined ? [] : [...contentType(decoded.type).cimTexts(decoded)];
}
