import type { Seq } from '@cim/protocol';
import type { Streams } from '@cim/store';
import type { FeedSink, Followed } from './feed-sink.ts';

/**
 * Reports a gap: the log goes on at `from`, above the entry that the client needs next. If the entries in
 * between were trimmed, this is told as `expired`; otherwise the store has lost them. May throw when the
 * store does not answer.
 */
export async function tellGap(streams: Streams, feed: Followed, sink: FeedSink, from: Seq): Promise<void> {
  const { next } = feed;
  const { first, top } = await streams.kept.position(feed.stream);
  // The feed was moved during the question, or has got the entries.
  if (feed.next !== next) return;
  if (first >= from) sink.expired(feed, next, (from - 1) as Seq);
  else sink.lost(feed, from, top);
}
