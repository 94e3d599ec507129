/**
 * The feed of events, for business systems (docs/adr/0008-the-event-feed-lies-beside-the-streams.md): stored
 * messages, and what else a webhook may want. An event and its record in the feed are written in one atomic step. A relay reads the records, and removes them when every receiver has them.
 */
import type { Seq, StreamRef, UserId } from '@cim/protocol';
import type { Subject } from './bans.ts';
import type { Entry } from './streams.ts';

/**
 * The kinds of events that can be recorded. `messages`: every entry of every stream, except copies. `deliveries`: users
 * who have received messages. `presence`: users who come online or go offline. `bans`: users and addresses that are suspended, or no longer.
 */
export const FEED_KINDS = ['messages', 'deliveries', 'presence', 'bans'] as const;
export type FeedKind = (typeof FEED_KINDS)[number];

export const FEED = {
  /**
   * Records that a partition keeps unless the wish names another number. The oldest ones are removed above
   * it.
   */
  most: 10_000,
} as const;

/** Which events are to be recorded from now on. */
export interface FeedWish {
  /**
   * Revision of the list of receivers that the wish was made from. An older wish than the present one changes
   * nothing.
   */
  readonly revision: number;
  readonly kinds: readonly FeedKind[];
  /** Undefined: the number stays as it is, or is `FEED.most`. */
  readonly most?: number | undefined;
}

/** A part of the feed. All records of one stream are in one partition, in order. */
export type FeedPartition = string & { readonly partition: true };

/** Something that has happened, other than an entry that was stored. `at`: when [ms since 1970, the store's clock]. */
export type FeedEvent =
  /** Devices of the user have received its timeline from `first` to `last`, and a message of somebody else is among it. */
  | {
      readonly kind: 'delivered';
      readonly user: UserId;
      readonly first: Seq;
      readonly last: Seq;
      readonly at: number;
    }
  /** The user has its first device online, or its last one no longer. For each user one follows the other. */
  | {
      readonly kind: 'online' | 'offline';
      readonly user: UserId;
      readonly name: string;
      readonly at: number;
    }
  /** `step` as of a ban. `until`: when the ban ends, if it is not made longer. */
  | {
      readonly kind: 'banned';
      readonly subject: Subject;
      readonly step: number;
      readonly until: number;
      readonly reason: string;
      readonly at: number;
    }
  | { readonly kind: 'unbanned'; readonly subject: Subject; readonly at: number };

/** One record. Positions count from 1 in each partition without gaps, so a missing position was lost. */
export type FeedRecord = EntryRecord | EventRecord;

export interface EntryRecord {
  readonly position: number;
  readonly stream: StreamRef;
  readonly entry: Entry;
}

export interface EventRecord {
  readonly position: number;
  readonly event: FeedEvent;
  /** The event as the feed has it. */
  readonly text: string;
}

/** When the event of a record happened [ms since 1970, the store's clock]. */
export const timeOfRecord = (record: FeedRecord): number =>
  'event' in record ? record.event.at : record.entry.storedAt;

/**
 * Texts that a relay stores under names while it has the partition: events that could not be delivered yet,
 * or not at all.
 */
export type Letters = ReadonlyMap<string, string>;

/** The state of a partition when a relay takes it. */
export interface PartitionState {
  /** Key: a receiver. Value: the position up to which it needs no records. */
  readonly cursors: ReadonlyMap<string, number>;
  readonly letters: Letters;
  /** Changes when another process has changed the letters. */
  readonly look: string;
}

/** The progress of a relay, stored in one step. */
export interface FeedProgress {
  /** Value undefined: the receiver is gone. */
  readonly cursors?: ReadonlyMap<string, number | undefined>;
  /** Value undefined: the letter is gone. */
  readonly letters?: ReadonlyMap<string, string | undefined>;
  /** No receiver needs the records up to this position. */
  readonly trimTo?: number | undefined;
  /**
   * The newest record that the relay has read before this. Where the store has another one there, or ends before it, it has lost records:
   * new ones have their positions, and the relay must read them. Records that are trimmed prove nothing.
   */
  readonly check?: FeedRecord | undefined;
}

/**
 * The feed. All calls throw when the store does not answer. A partition has a lease for one relay at a time.
 * After another relay has taken the lease, calls of the first one change nothing.
 */
export interface EventFeed {
  readonly partitions: readonly FeedPartition[];
  /** Sets which events are recorded. It holds for every later append of every server. */
  record(wish: FeedWish): Promise<void>;
  /** Says that the relay lives for this long. Answers all live relays, in order. */
  announce(relay: string, aliveMs: number): Promise<readonly string[]>;
  withdraw(relay: string): Promise<void>;
  /** Takes partitions. One answer for each; undefined: another relay has it. */
  take(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<readonly (PartitionState | undefined)[]>;
  /**
   * Renews leases. One answer for each, the value of `look`; undefined: another relay has it, or had it
   * meanwhile.
   */
  renew(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<readonly (string | undefined)[]>;
  release(partitions: readonly FeedPartition[], relay: string): Promise<void>;
  /**
   * The records after a position, at most `limit`, one list for each partition. Answered records are durable
   * as the mode says.
   */
  read(
    asks: readonly { readonly partition: FeedPartition; readonly after: number }[],
    limit: number,
  ): Promise<readonly (readonly FeedRecord[])[]>;
  /**
   * Records that users have gone offline with their im-server, whose lease has lapsed. A relay calls it for its
   * partitions now and then, while `presence` is recorded.
   */
  sweepPresence(partitions: readonly FeedPartition[]): Promise<void>;
  /**
   * Stores the progress of a relay. False, and nothing is changed: another relay has the partition, or `check`
   * has failed. The relay then takes the partition anew.
   */
  commit(partition: FeedPartition, relay: string, progress: FeedProgress): Promise<boolean>;
  /** Present letters of all partitions whose names begin with this text. */
  letters(
    prefix: string,
  ): Promise<readonly { readonly partition: FeedPartition; readonly name: string; readonly text: string }[]>;
  /**
   * Replaces or removes a letter and lets its relay know; for callers without a lease. False: the letter has
   * another text by now, or is gone.
   */
  changeLetter(
    partition: FeedPartition,
    name: string,
    from: string,
    to: string | undefined,
  ): Promise<boolean>;
}
