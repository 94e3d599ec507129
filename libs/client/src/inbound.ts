import {
  copyProducer,
  groupOf,
  groupStream,
  inboxOf,
  isGroupId,
  LOBBY,
  messageId,
  streamName,
  streamOfName,
  wire,
} from '@cim/protocol';
import type { GroupId, MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import { SAVED_SEEN, SAVED_SEEN_OF_GROUP, type Cursor, type SavedState } from './state.ts';
import { type InboundParts, StreamIn } from './stream-in.ts';

/** By stream name. */
export type SavedInbound = Pick<SavedState, 'cursors' | 'seen'>;

/** Groups beside the lobby: so many a user can be in. */
const GROUPS = 1_000;
/** Cursors of one `resume`, which is at most 64 KiB long. Groups that are not named go on after what was acked. */
const CURSORS = 500;

/**
 * The streams that come in: the inbox, the lobby, and the groups of the user. Each entry is offered once and in order, and
 * is known by its id; a seq can be used again after the store lost data.
 */
export class Inbound {
  readonly #me: UserId;
  readonly #parts: InboundParts;
  /**
   * By the group of the wire: '' the inbox, 'lobby', and groups. A group comes with the server's `resumed`, and goes when it is
   * delivered no more and 1,000 others are there.
   */
  readonly #streams = new Map<string, StreamIn>();

  constructor(me: UserId, saved: Partial<SavedInbound>, parts: Omit<InboundParts, 'left'>) {
    this.#me = me;
    this.#parts = { ...parts, left: (stream) => this.#leave(stream) };
    const named = Object.keys(saved.cursors ?? {}).map(streamOfName);
    for (const group of ['', LOBBY, ...named.map(groupOf).filter(isGroupId)]) this.#make(group, saved);
  }

  /** When the newest entry that was received was stored [ms, the store's clock]; 0: none was received. */
  get newestStoredAt(): number {
    let newest = 0;
    for (const stream of this.#streams.values()) newest = Math.max(newest, stream.newestStoredAt);
    return newest;
  }

  /** What the next process needs to show nothing twice and to miss nothing. */
  saved(): SavedInbound {
    const cursors: Record<string, Cursor> = {};
    const seen: Record<string, readonly MessageId[]> = {};
    for (const stream of this.#streams.values()) {
      const { name, cursor } = stream;
      if (cursor !== undefined) cursors[name] = cursor;
      seen[name] = stream.newestSeen(isAlways(stream.group) ? SAVED_SEEN : SAVED_SEEN_OF_GROUP);
    }
    return { cursors, seen };
  }

  /** For a `Resume`. A cursor without an id cannot be checked and counts as none. */
  resume(): wire.Resume {
    const [always, groups] = [[] as StreamIn[], [] as StreamIn[]];
    for (const stream of this.#streams.values())
      if (isAlways(stream.group)) always.push(stream);
      else if (stream.cursor !== undefined) groups.push(stream);
    if (groups.length > CURSORS) groups.sort((a, b) => b.newestStoredAt - a.newestStoredAt);
    return {
      cursors: [...always, ...groups.slice(0, CURSORS)].map(({ group, cursor }) => ({
        group,
        seq: cursor?.seq ?? 0,
        id: cursor?.id ?? '',
      })),
      groups: true,
    };
  }

  /** Answers to `resume`; at any time again, see `StreamIn`, also for a group that the user has joined. */
  onResumed(answer: wire.Resumed): void {
    for (const wire of answer.streams)
      (this.#streams.get(wire.group) ?? this.#make(wire.group))?.onResumed(wire);
    this.#parts.moved();
  }

  /** False when entries are missing before one of these: see `StreamIn.take`. */
  onDeliver(deliver: wire.Deliver): boolean {
    const stream = this.#streams.get(deliver.group);
    if (stream === undefined) return true;
    for (const entry of deliver.entries) {
      if (!stream.take(entry)) return false;
      stream.settleAcks();
    }
    if (stream.left) this.#leave(stream);
    return true;
  }

  /** The answer to a send may deliver the copy in the own inbox. */
  onReceipt({ outcome, to, producer, counter, copy }: wire.Receipt): void {
    if (outcome !== wire.OUTCOMES.stored || to === 0 || copy === 0) return;
    const copied = copyProducer(producer as ProducerId, to as UserId);
    this.#streams.get('')?.passCopy(copy as Seq, messageId(this.#me, copied, counter));
  }

  /** Acks all that is processed, now. */
  flush(): void {
    for (const stream of this.#streams.values()) stream.flush();
  }

  /** The connection is gone; what is not acked stays so until the next one has resumed. */
  detach(): void {
    for (const stream of this.#streams.values()) stream.detach();
  }

  /** Nothing more is shown. */
  end(): void {
    for (const stream of this.#streams.values()) stream.end();
  }

  /** Undefined for a group that is none, or when the server delivers 1,000 others. */
  #make(group: string, saved: Partial<SavedInbound> = {}): StreamIn | undefined {
    if (!isAlways(group) && (!isGroupId(group) || !this.#makeRoom())) return undefined;
    const name = streamName(group === '' ? inboxOf(this.#me) : groupStream(group as GroupId));
    const before = { cursor: saved.cursors?.[name], seen: saved.seen?.[name] ?? [] };
    const stream = new StreamIn(this.#me, name, group, before, this.#parts);
    this.#streams.set(group, stream);
    return stream;
  }

  /** A group that the user has left is delivered no more. */
  #makeRoom(): boolean {
    if (this.#streams.size < GROUPS + 2) return true;
    for (const [group, stream] of this.#streams)
      if (!isAlways(group) && !stream.attached) {
        stream.end();
        this.#streams.delete(group);
        return true;
      }
    return false;
  }

  /**
   * The user is no member of the group any more, and this client has shown all that there was. It keeps its place, and tells the
   * server, which otherwise gives it the end of the membership once more.
   */
  #leave(stream: StreamIn): void {
    stream.flush();
    stream.detach();
    this.#parts.moved();
  }
}

/** The inbox and the lobby are everybody's. */
const isAlways = (group: string): boolean => group === '' || group === LOBBY;
