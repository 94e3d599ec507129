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

/** The saved part of the streams. Key: stream name. */
export type SavedInbound = Pick<SavedState, 'cursors' | 'seen'>;

/** Most groups besides the lobby that a user can be in. */
const GROUPS = 1_000;
/**
 * Cursors in one `resume`, which is at most 64 KiB long. Groups that are not named go on after their acked
 * cursors.
 */
const CURSORS = 500;

/**
 * The incoming streams: the inbox, the lobby, and the groups of the user. Each entry is offered once and in
 * order. Entries are known by their ids, since a seq can be used again after the store lost data.
 */
export class Inbound {
  readonly #me: UserId;
  readonly #parts: InboundParts;
  /**
   * Key: the group on the wire, '' for the inbox. A group is added by the server's `resumed`. It is removed
   * when it is no longer delivered and 1,000 others are there.
   */
  readonly #streams = new Map<string, StreamIn>();

  constructor(me: UserId, saved: Partial<SavedInbound>, parts: Omit<InboundParts, 'left'>) {
    this.#me = me;
    this.#parts = { ...parts, left: (stream) => this.#leave(stream) };
    const named = Object.keys(saved.cursors ?? {}).map(streamOfName);
    for (const group of ['', LOBBY, ...named.map(groupOf).filter(isGroupId)]) this.#make(group, saved);
  }

  /** When the newest received entry was stored [ms, the store's clock]; 0: none was received. */
  get newestStoredAt(): number {
    let newest = 0;
    for (const stream of this.#streams.values()) newest = Math.max(newest, stream.newestStoredAt);
    return newest;
  }

  /** The state that the next process needs to show nothing twice and to miss nothing. */
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

  /** The `Resume` of this client. A cursor without an id cannot be checked and is left out. */
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

  /**
   * Takes the answers to `resume`. They may also come later, see `StreamIn`, and for a group that the user
   * has joined.
   */
  onResumed(answer: wire.Resumed): void {
    for (const wire of answer.streams)
      (this.#streams.get(wire.group) ?? this.#make(wire.group))?.onResumed(wire);
    this.#parts.moved();
  }

  /** Takes entries. False when entries are missing before one of them, see `StreamIn.take`. */
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

  /** Takes the answer to a send, which may deliver the copy in the user's own inbox. */
  onReceipt({ outcome, to, producer, counter, copy }: wire.Receipt): void {
    if (outcome !== wire.OUTCOMES.stored || to === 0 || copy === 0) return;
    const copied = copyProducer(producer as ProducerId, to as UserId);
    this.#streams.get('')?.passCopy(copy as Seq, messageId(this.#me, copied, counter));
  }

  /** Acks all processed entries now. */
  flush(): void {
    for (const stream of this.#streams.values()) stream.flush();
  }

  /** The connection is gone. Unacked entries stay unacked until the next one has resumed. */
  detach(): void {
    for (const stream of this.#streams.values()) stream.detach();
  }

  /** Ends: nothing more is shown. */
  end(): void {
    for (const stream of this.#streams.values()) stream.end();
  }

  /** Makes a stream. Undefined for an invalid group, or when the server delivers 1,000 others. */
  #make(group: string, saved: Partial<SavedInbound> = {}): StreamIn | undefined {
    if (!isAlways(group) && (!isGroupId(group) || !this.#makeRoom())) return undefined;
    const name = streamName(group === '' ? inboxOf(this.#me) : groupStream(group as GroupId));
    const before = { cursor: saved.cursors?.[name], seen: saved.seen?.[name] ?? [] };
    const stream = new StreamIn(this.#me, name, group, before, this.#parts);
    this.#streams.set(group, stream);
    return stream;
  }

  /** Removes a group that is no longer delivered, since the user has left it. */
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
   * The user is no longer a member of the group, and this client has shown all its entries. It keeps its
   * cursor and tells the server, which would otherwise send the end of the membership again.
   */
  #leave(stream: StreamIn): void {
    stream.flush();
    stream.detach();
    this.#parts.moved();
  }
}

/** Every user always has the inbox and the lobby. */
const isAlways = (group: string): boolean => group === '' || group === LOBBY;
