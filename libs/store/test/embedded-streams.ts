/** The streams of a folder without the rest of its store, for tests that inspect the disk. */
import { silentLogger } from '@cim/runtime';
import { EmbeddedEventFeed } from '../src/embedded/event-feed.ts';
import { EmbeddedGroups } from '../src/embedded/groups.ts';
import type { Ledger } from '../src/embedded/ledger.ts';
import { EmbeddedStreams } from '../src/embedded/streams.ts';
import type { StreamLimits } from '../src/streams.ts';

/** @param now the time [ms since 1970] */
export const streamsOf = (ledger: Ledger, now: () => number, limits: StreamLimits): EmbeddedStreams =>
  new EmbeddedStreams(
    ...([ledger, silentLogger(), now, limits, new EmbeddedGroups(ledger, now, now)] as const),
    { has: () => false },
    new EmbeddedEventFeed(ledger, { monotonic: now, now, isOnline: () => false }),
  );
