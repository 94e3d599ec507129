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

/** What a stream keeps (design: retention). */
export const RETENTION = {
  maxEntries: 10_000,
  /** Entries of one sender that may wait in an inbox for its user. Nobody can fill an inbox alone. */
  inboxShare: 500,
  /**
   * A stream remembers a producer at least while the producer's last entry is among this many newest ones, and forgets
   * it before twice as many have followed (docs/adr/0005-producers-are-forgotten-by-position.md).
   */
  producerEntries: 10_000,
  /** Unacked bytes of an inbox, contents only. */
  inboxUnackedBytes: 64 * 1024 * 1024,
  keptMs: 30 * 24 * 3_600_000,
  unackedMs: 90 * 24 * 3_600_000,
} as const;
/** @param inboxShare as configured; Infinity: one sender may fill an inbox */
export const streamLimits = (inboxShare: number): StreamLimits => ({
  ...RETENTION,
  inboxShare: Math.min(inboxShare, RETENTION.maxEntries),
});

/** `RETENTION`, or what a test has in its place. */
export type StreamLimits = { readonly [Limit in keyof typeof RETENTION]: number };

/**
 * An append to the inbox of another user also puts a copy into the sender's own inbox, under `copyProducer`: a timeline
 * holds what both sides said. On one server both are one step; on a Cluster the copy follows, and a repeated append makes
 * good a copy that is missing. A copy is never refused: it waits for nobody and counts for no limit of what is not acked.
 * When the own inbox keeps more than twice `maxEntries` because its user does not read, it is left out.
 */
export interface Append {
  readonly stream: StreamRef;
  readonly sender: NamedUser;
  readonly producer: ProducerId;
  /** From 1, per producer and stream. 0: not counted; the producer is the hash of an idempotency key. */
  readonly counter: number;
  /** The same send may have been handed to the store before. */
  readonly again?: boolean | undefined;
  /**
   * It is not to be stored: it was refused. It may have been handed to the store before, so the store has the last word. What is
   * stored is answered as ever. Else nothing is stored under its producer any more, and the answer is `ended`; of counter 0
   * for `rememberMs`.
   */
  readonly endsProducer?: boolean | undefined;
  /**
   * For counter 0: how long the producer is remembered, in ms. Undefined: it was made for this send, which nobody but this
   * process repeats, after `retry`.
   */
  readonly rememberMs?: number | undefined;
  /** Of the content, 22 of [A-Za-z0-9_-]. */
  readonly digest: string;
  /** An encoded Content, opaque here. */
  readonly content: Uint8Array;
  /** It does not count as unread: it does not raise `shown`. A copy never does. */
  readonly silent?: boolean | undefined;
  /** Message that it is an event about: the store can be asked for all events of a page (`Streams.events`). */
  readonly about?: MessageId | undefined;
  /** Of a group other than the lobby: changes its members in the same step, or is refused with nothing stored. */
  readonly operation?: GroupOperation | undefined;
}

/** What an entry has that an append does not say. */
export interface Stored {
  readonly seq: Seq;
  readonly prev: MessageId;
  /** ms, the store's clock. */
  readonly storedAt: number;
  /** `shown` of the stream with this entry. */
  readonly n: number;
  /** The entry as the wire has it, where somebody has encoded it already. */
  readonly wire?: Uint8Array | undefined;
}

export type AppendAnswer =
  /** On disk. `copy`: in the sender's own inbox. `followers`: im-servers that follow the group; undefined for the lobby and inboxes. */
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

/** Answers an append. A caller that throws keeps nobody else waiting and does not end the process. */
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

/** Whether it is the sender's copy, which has the id of the message and `>` with the recipient in its own id. */
export const isCopy = ({ producer }: Entry): boolean => producer.includes('>');
/** The same for everybody, of a copy too. */
export const messageIdOf = ({ sender, producer, counter }: Entry): MessageId =>
  messageId(sender.userId, copyOf(producer).producer, counter);

export const entryId = ({ sender, producer, counter }: Entry): MessageId =>
  messageId(sender.userId, producer, counter);

/** `id` is that of the entry at `seq`. */
export interface Cursor {
  readonly seq: Seq;
  readonly id: MessageId;
}

export interface Position {
  /** Oldest entry kept; `top` + 1 when there is none. */
  readonly first: Seq;
  /** Newest entry; 0 for a stream that was never written. */
  readonly top: Seq;
  /** Id of the newest. */
  readonly topId: MessageId;
  /** How many entries that count as unread the stream has had. */
  readonly shown: number;
  /** The newest of them; 0 when there is none, or an older version wrote it. */
  readonly shownSeq: Seq;
  /** When that was stored [ms, the store's clock]; 0 with `shownSeq` 0. */
  readonly shownAt: number;
}

/** An event that refers to a message. */
export interface EventAt {
  readonly seq: Seq;
  readonly about: MessageId;
}

export interface Streams {
  /**
   * The only commit point. Never throws; `done` is called once, on a later turn. Calls of one producer on one stream
   * are carried out in the order made; calls that meet in one turn travel together.
   */
  append(item: Append, done: (answer: AppendAnswer) => void): void;

  /**
   * Entries from `from` on, ascending, at most `limit` and about 256 KiB (at least one if there is one). What it
   * answers is kept as the durability mode says: nobody is shown what no replica has.
   */
  read(stream: StreamRef, from: Seq, limit: number): Promise<Entry[]>;

  /** The first entry from `from` on, as it stands now: for those who compare, and show it to nobody. */
  peek(stream: StreamRef, from: Seq): Promise<Entry | undefined>;
  position(stream: StreamRef): Promise<Position>;
  /**
   * The same of what is kept, as `read` answers it. Who finds that a log went back asks here before anybody is told: for
   * some seconds a server that has been deposed may have answered.
   */
  readonly kept: Pick<Streams, 'peek' | 'position'>;
  /** One for one, in one round trip. */
  positions(streams: readonly StreamRef[]): Promise<Position[]>;

  /**
   * The last counter stored of each producer, in one round trip. 0: the stream holds nothing of it, and has lost what it
   * once held. Undefined: the stream may have forgotten it.
   */
  counters(
    sender: UserId,
    of: readonly { readonly stream: StreamRef; readonly producer: ProducerId }[],
  ): Promise<(number | undefined)[]>;

  /** Events about messages, from `from` on, ascending: what a page of history folds in. */
  events(stream: StreamRef, from: Seq): Promise<EventAt[]>;

  /** The acked cursor of one device. Undefined: that device has none, and begins at the highest one of its user. */
  cursor(user: UserId, device: DeviceId, stream: StreamRef): Promise<Cursor | undefined>;
  /** The highest acked cursor of any device of the user: retention and `delivered` go by it. */
  highestCursor(user: UserId, stream: StreamRef): Promise<Cursor | undefined>;
  /**
   * Moves cursors of devices forward, never back; each is fenced: one whose epoch is neither the device's newest nor that
   * of its live session before a login that is only issued does nothing.
   * One round trip per shard.
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

  /** A push to `instance` failed: the stream is among what it takes next. Kept as long as a lease. */
  markDirty(instance: InstanceId, stream: StreamRef): Promise<void>;
  /** The streams marked since the last call, which are marked no longer; mostly none. */
  takeDirty(instance: InstanceId): Promise<StreamRef[]>;
}
