import type { Seq } from '@cim/protocol';
import type { Streams } from '@cim/store';
import type { FeedSink, Followed } from './feed-sink.ts';

/**
 * The log goes on at `from`, above the entry that the client needs next: those between were trimmed, which is told as
 * `expired`, or the store has lost them, which is told as a loss. May throw when the store does not answer.
 */
export async function tellGap(streams: Streams, feed: Followed, sink: FeedSink, from: Seq): Promise<void> {
  const { next } = feed;
  const { first, top } = await streams.kept.position(feed.stream);
  // It was moved meanwhile, or has got them.
  if (feed.next !== next) return;
  if (first >= from) sink.expired(feed, next, (from - 1) as Seq);
  else sink.lost(feed, from, top);
}
