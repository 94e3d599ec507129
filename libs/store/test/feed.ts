/** Reads a feed to its end. */
import type { EntryRecord, EventFeed, FeedEvent, FeedPartition, FeedRecord } from '../src/event-feed.ts';

/** Key: partition. Value: a position in it. */
export type FeedPositions = ReadonlyMap<FeedPartition, number>;

/** Reads the entries among all records after the given positions (absent: 0), in order within each partition. */
export const readFeed = async (feed: EventFeed, after?: FeedPositions): Promise<EntryRecord[]> =>
  (await readRecords(feed, after)).filter((record) => 'entry' in record);

/** Reads the events that are no entries, as `readFeed`. */
export const readEvents = async (feed: EventFeed, after?: FeedPositions): Promise<FeedEvent[]> =>
  (await readRecords(feed, after)).flatMap((record) => ('event' in record ? [record.event] : []));

async function readRecords(feed: EventFeed, after: FeedPositions = new Map()): Promise<FeedRecord[]> {
  const all: FeedRecord[] = [];
  let asks = feed.partitions.map((partition) => ({ partition, after: after.get(partition) ?? 0 }));
  while (asks.length > 0) {
    const read = await feed.read(asks, 100);
    all.push(...read.flat());
    asks = asks.flatMap(({ partition }, i) => {
      const last = read[i]?.at(-1);
      return last === undefined ? [] : [{ partition, after: last.position }];
    });
  }
  return all;
}

/** The last position of each partition. */
export async function feedEnds(feed: EventFeed): Promise<FeedPositions> {
  const ends = new Map<FeedPartition, number>();
  for (const partition of feed.partitions) {
    let after = 0;
    for (;;) {
      const [records = []] = await feed.read([{ partition, after }], 1_000);
      if (records.length === 0) break;
      after = records.at(-1)?.position ?? after;
    }
    ends.set(partition, after);
  }
  return ends;
}
