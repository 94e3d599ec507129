import {
  copyOf,
  type DeviceId,
  type Epoch,
  type InstanceId,
  type MessageId,
  messageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { GroupOperation, GroupProblem } from './groups.ts';

/** The limits of what a stream keeps. */
export const RETENTION = {
  maxEntries: 10_000,
  /** Entries of one sender that may wait in an inbox, so that nobody can fill an inbox alone. */
  inboxShare: 500,
  /**
   * A stream remembers a producer at least while the producer's last entry is among this many newest ones. It
   * forgets the producer before twice as many have followed
   * (docs/adr/0005-producers-are-forgotten-by-position.md).
   */
  producerEntries: 10_000,
  /** Most unacked bytes of an inbox, contents only. */
  inboxUnackedBytes: 64 * 1024 * 1024,
  keptMs: 30 * 24 * 3_600_000,
  unackedMs: 90 * 24 * 3_600_000,
} as const;
/** @param inboxShare the setting; Infinity: one sender may fill an inbox */
export const streamLimits = (inboxShare: number): StreamLimits => ({
  ...RETENTION,
  inboxShare: Math.min(inboxShare, RETENTION.maxEntries),
});

/** `RETENTION`, or other limits in a test. */
export type StreamLimits = { readonly [Limit in keyof typeof RETENTION]: number };

/**
 * An append. An append to the inbox of another user also puts a copy into the sender's own inbox, under
 * `copyProducer`: so a timeline holds both sides. On one server both are one step. On a Cluster the copy
 * follows, and a repeated append makes a missing copy. A copy is never refused: it waits for nobody and
 * counts for no limit of unacked entries. When the sender's inbox keeps more than twice `maxEntries` because
 * its user does not read, the copy is left out.
 */
export interface Append {
  readonly stream: StreamRef;
  readonly sender: NamedUser;
  readonly producer: ProducerId;
  /** From 1, per producer and stream. 0: not counted; the producer is the hash of an idempotency key. */
  readonly counter: number;
  /** Whether the same send may have been handed to the store before. */
  readonly again?: boolean | undefined;
  /**
   * It is not to be stored: it was refused. It may have been handed to the store before, so the store has the last word. What is
   * stored is answered as ever. Else nothing is stored under its producer any more, and the answer is `ended`; of counter 0
   * for `rememberMs`.
   */
  readonly endsProducer?: boolean | undefined;
  /**
   * For counter 0: how long the producer is remembered [ms]. Undefined: it was made for this send, which only
   * this process repeats after `retry`.
   */
  readonly rememberMs?: number | undefined;
  /** Digest of what was sent, 22 of [A-Za-z0-9_-]. A repeated send is known by it. */
  readonly digest: string;
  /** An encoded Content, opaque to the store. */
  readonly content: Uint8Array;
  /** What was sent, where moderation has put `content` in its place. A repeated send is known by it. */
  readonly sent?: Uint8Array | undefined;
  /** Whether the entry does not count as unread, so that it does not raise `shown`. A copy never does. */
  readonly silent?: boolean | undefined;
  /**
   * The message that this event is about. The store can be asked for all events of a page (`Streams.events`).
   */
  readonly about?: MessageId | undefined;
  /**
   * For a group other than the lobby: changes its members in the same step, or is refused and stores nothing.
   */
  readonly operation?: GroupOperation | undefined;
}

/** Fields of an entry that its append does not have. */
export interface Stored {
  readonly seq: Seq;
  readonly prev: MessageId;
  /** When it was stored [ms, the store's clock]. */
  readonly storedAt: number;
  /** `shown` of the stream with this entry. */
  readonly n: number;
  /** The entry as it is on the wire, if it was encoded already. */
  readonly wire?: Uint8Array | undefined;
}

export type AppendAnswer =
  /**
   * On disk. `copy`: in the sender's own inbox. `followers`: im-servers that follow the group; undefined for
   * the lobby and inboxes.
   */
  | ({
      readonly outcome: 'ok';
      readonly copy?: Stored | undefined;
      readonly followers?: readonly InstanceId[] | undefined;
    } & Stored)
  /** Stored before with the same content, at `seq`. */
  | {
      readonly outcome: 'duplicate';
      readonly seq: Seq;
      readonly followers?: readonly InstanceId[] | undefined;
    }
  /** A group that the sender may not write to, or an operation that may not be done. Nothing was stored. */
  | { readonly outcome: 'refused'; readonly problem: GroupProblem }
  /** A counter was skipped: send again from `last` + 1. */
  | { readonly outcome: 'gap'; readonly last: number }
  /** Stored before with other content: the counter, or the key, was used for two messages. */
  | { readonly outcome: 'conflict' }
  /**
   * Nothing was stored, and whether the send was stored before is not known: the stream has no record of the producer
   * and cannot show that it never had one, or it has trimmed the entry that would tell. Or nothing is stored under the
   * producer any more: a send that was sent before (`again`), and was not stored, may still be under way elsewhere, with
   * others behind it.
   */
  | { readonly outcome: 'unknown-producer' }
  /** As `endsProducer` asks for, or of counter 0 has asked for before: it is not stored, now or later. */
  | { readonly outcome: 'ended' }
  /** The recipient has too much that is not acked. */
  | { readonly outcome: 'full' }
  /** The recipient has blocked the sender. */
  | { readonly outcome: 'blocked' }
  /** As much of the sender waits for the recipient as one sender may have wait. */
  | { readonly outcome: 'share' }
  /** The recipient has no account. */
  | { readonly outcome: 'unknown' }
  /** Not known to be stored; the same call again is safe. */
  | { readonly outcome: 'retry'; readonly cause: unknown };

export type Done = (answer: AppendAnswer) => void;

/** Answers an append. A caller that throws neither holds up the others nor ends the process. */
export function tell(done: Done, answer: AppendAnswer, logger: Logger): void {
  try {
    done(answer);
  } catch (thrown) {
    logger.error({ err: thrown }, 'store.callback-failed');
  }
}

export interface Entry extends Stored {
  readonly sender: NamedUser;
  readonly producer: ProducerId;
  readonly counter: number;
  readonly content: Uint8Array;
}

/** Whether the entry is its sender's copy. The producer of a copy contains `>` and the recipient. */
export const isCopy = ({ producer }: Entry): boolean => producer.includes('>');
/** The id of the message, the same in every copy. */
export const messageIdOf = ({ sender, producer, counter }: Entry): MessageId =>
  messageId(sender.userId, copyOf(producer).producer, counter);

export const entryId = ({ sender, producer, counter }: Entry): MessageId =>
  messageId(sender.userId, producer, counter);

/** A position in a stream. `id` is the id of the entry at `seq`. */
export interface Cursor {
  readonly seq: Seq;
  readonly id: MessageId;
}

export interface Position {
  /** The oldest entry that is kept; `top` + 1 when there is none. */
  readonly first: Seq;
  /** The newest entry; 0 for a stream that was never written. */
  readonly top: Seq;
  /** Id of the newest entry. */
  readonly topId: MessageId;
  /** Number of entries that count as unread. */
  readonly shown: number;
  /** The newest of these entries; 0 when there is none, or the version before wrote it. */
  readonly shownSeq: Seq;
  /** When that entry was stored [ms, the store's clock]; 0 with `shownSeq` 0. */
  readonly shownAt: number;
}

/** An event that refers to a message. */
export interface EventAt {
  readonly seq: Seq;
  readonly about: MessageId;
}

export interface Streams {
  /**
   * The only commit point. Never throws. `done` is called once, in a later turn. Calls of one producer on one
   * stream are carried out in order. Calls of one turn travel together.
   */
  append(item: Append, done: (answer: AppendAnswer) => void): void;

  /**
   * Entries at or after `from`, ascending, at most `limit` and about 256 KiB (at least one if there is one).
   * What it answers is kept as the durability mode says: nobody is shown an entry that no replica has.
   */
  read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]>;

  /** First entry at or after `from`, not confirmed by replicas. Use it for comparing only; never deliver it. */
  peek(stream: StreamRef, from: Seq): Promise<Entry | undefined>;
  position(stream: StreamRef): Promise<Position>;
  /**
   * The same questions with confirmation by replicas, as in `read`. When a log seems to have gone back, ask
   * here before telling anybody: for some seconds a deposed server may have answered.
   */
  readonly kept: Pick<Streams, 'peek' | 'position'>;
  /** Positions of several streams, one for each, in one round trip. */
  positions(streams: readonly StreamRef[]): Promise<Position[]>;

  /**
   * The last stored counter of each producer, in one round trip. 0: the stream holds nothing of it, and has
   * lost what it once held. Undefined: the stream may have forgotten the producer.
   */
  counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<(number | undefined)[]>;

  /** Events about messages at or after `from`, ascending. A page of history folds them in. */
  events(stream: StreamRef, from: Seq): Promise<EventAt[]>;

  /**
   * The acked cursor of one device. Undefined: the device has none, and begins at the highest one of its
   * user.
   */
  cursor(user: UserId, device: DeviceId, stream: StreamRef): Promise<Cursor | undefined>;
  /** The highest acked cursor of any device of the user. Retention and `delivered` go by it. */
  highestCursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined>;
  /**
   * Moves cursors of devices forward, never back. Each is fenced: an epoch that is neither the device's
   * newest nor that of its live session before an issued login does nothing. One round trip per shard.
   */
  ack(
    acks: readonly {
      readonly user: UserId;
      readonly device: DeviceId;
      readonly epoch: Epoch;
      readonly stream: StreamRef;
      readonly cursor: Cursor;
    }[],
  ): Promise<void>;

  /**
   * Notes that a push to `instance` has failed: the stream is among those that it takes next. Kept as long as
   * a lease.
   */
  markDirty(instance: InstanceId, stream: StreamRef): Promise<void>;
  /** Takes the streams that were marked since the last call; mostly none. */
  takeDirty(instance: InstanceId): Promise<StreamRef[]>;
}
