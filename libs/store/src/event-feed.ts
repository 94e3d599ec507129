/**
 * The feed of events: what was stored, for business systems (docs/adr/0008-the-event-feed-lies-beside-the-streams.md). What the store
 * records and the record of it are one atomic step. A relay reads the records, and removes them when every receiver has them.
 */
import type { StreamRef } from '@cim/protocol';
import type { Entry } from './streams.ts';

/** What can be recorded: `messages` stands for every entry of every stream, but for copies. */
export const FEED_KINDS = ['messages'] as const;
export type FeedKind = (typeof FEED_KINDS)[number];

export const FEED = {
  /** Records that a partition keeps unless the wish says otherwise; the oldest ones go when there are more. */
  most: 10_000,
} as const;

/** What is to be recorded from now on. */
export interface FeedWish {
  /** Of the list of receivers that it was made from. A wish that is older than the one that holds changes nothing. */
  readonly revision: number;
  readonly kinds: readonly FeedKind[];
  /** Undefined: as before, or `FEED.most`. */
  readonly most?: number | undefined;
}

/** Where a part of the feed is: all records of one stream are in one partition, in their order. */
export type FeedPartition = string & { readonly partition: true };

/** One record. Positions count from 1 in each partition, without gaps: one that is missing was lost. */
export interface FeedRecord {
  readonly position: number;
  readonly stream: StreamRef;
  readonly entry: Entry;
}

/** Text that a relay keeps under a name while it has the partition: what could not be delivered yet, or not at all. */
export type Letters = ReadonlyMap<string, string>;

/** A partition as the relay finds it that takes it. */
export interface PartitionState {
  /** Key: a receiver. The position up to which it needs nothing any more. */
  readonly cursors: ReadonlyMap<string, number>;
  readonly letters: Letters;
  /** Changes when somebody else has changed the letters. */
  readonly look: string;
}

/** What a relay has done; all of it in one step. */
export interface FeedProgress {
  /** Undefined: the receiver is gone. */
  readonly cursors?: ReadonlyMap<string, number | undefined>;
  /** Undefined: the letter is gone. */
  readonly letters?: ReadonlyMap<string, string | undefined>;
  /** Records up to this position are needed by nobody. */
  readonly trimTo?: number | undefined;
  /**
   * The newest record that the relay has read before this. Where the store has another one there, or ends before it, it has lost records:
   * new ones have their positions, and the relay must read them. Records that are trimmed prove nothing.
   */
  readonly check?: FeedRecord | undefined;
}

/**
 * All throw when the store does not answer. A lease is for one relay at a time: what a relay does whose lease another one
 * has taken changes nothing.
 */
export interface EventFeed {
  readonly partitions: readonly FeedPartition[];
  /** Holds for every append that begins later, of every server. */
  record(wish: FeedWish): Promise<void>;
  /** The relay lives for so long. Answers all that live, in order. */
  announce(relay: string, aliveMs: number): Promise<readonly string[]>;
  withdraw(relay: string): Promise<void>;
  /** One for one. Undefined: another relay has it. */
  take(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<readonly (PartitionState | undefined)[]>;
  /** One for one, `look` of each. Undefined: another relay has it, or had it meanwhile. */
  renew(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<readonly (string | undefined)[]>;
  release(partitions: readonly FeedPartition[], relay: string): Promise<void>;
  /** One for one: the records after a position, at most `limit` of each. What it answers is kept as the durability mode says. */
  read(
    asks: readonly { readonly partition: FeedPartition; readonly after: number }[],
    limit: number,
  ): Promise<readonly (readonly FeedRecord[])[]>;
  /** False, and nothing is changed: another relay has the partition, or `check` has failed. The relay takes it anew then. */
  commit(partition: FeedPartition, relay: string, progress: FeedProgress): Promise<boolean>;
  /** Letters of all partitions whose name begins so, as they are now. */
  letters(
    prefix: string,
  ): Promise<readonly { readonly partition: FeedPartition; readonly name: string; readonly text: string }[]>;
  /**
   * Puts another text in the place of one, or removes it, and lets the relay know; for those who have no lease.
   * False: the letter has another text by now, or is gone.
   */
  changeLetter(
    partition: FeedPartition,
    name: string,
    from: string,
    to: string | undefined,
  ): Promise<boolean>;
}
