import type { ServerCalls, Signal } from '@cim/delivery';
import {
  cim,
  groupStream,
  inboxOf,
  isGroupId,
  isUserId,
  type NamedUser,
  ownerOf,
  streamName,
  type StreamRef,
} from '@cim/protocol';
import { policyOf } from '@cim/store';

/** At most one signal per conversation in this time [ms]. */
const EVERY_MS = 1_000;
/** Most conversations that one session signals to in that time. */
const CONVERSATIONS = 16;

/** The typing signals of a client. Signals above the limits are dropped silently. */
export class Typing {
  readonly #sender: NamedUser;
  readonly #follows: (group: string) => boolean;
  readonly #calls: Pick<ServerCalls, 'signal' | 'signalGroup'>;
  readonly #now: () => number;
  /**
   * Key: stream name. Value: when it was last signalled to. Entries older than `EVERY_MS` are removed when
   * room is needed.
   */
  readonly #last = new Map<string, number>();

  /**
   * @param follows whether the session follows a group: only members may signal to it
   * @param now ms, monotonic
   */
  constructor(
    sender: NamedUser,
    follows: (group: string) => boolean,
    calls: Pick<ServerCalls, 'signal' | 'signalGroup'>,
    now: () => number,
  ) {
    this.#sender = sender;
    this.#follows = follows;
    this.#calls = calls;
    this.#now = now;
  }

  /** Passes a signal on. False: a client may not send this signal. */
  signal({ kind, to, group }: cim.Signal): boolean {
    if (kind !== cim.SignalKind.TYPING) return false;
    const stream = isUserId(to) ? inboxOf(to) : to === 0 && isGroupId(group) ? groupStream(group) : undefined;
    if (stream === undefined) return false;
    if (this.#takes(stream)) this.#send({ kind: 'typing', sender: this.#sender, to: stream }, stream);
    return true;
  }

  #send(signal: Signal, stream: StreamRef): void {
    const user = ownerOf(stream);
    if (user !== undefined) this.#calls.signal([user], signal);
    // In the lobby it would go to everybody.
    else if (policyOf(stream).fanOut === 'followers' && 'group' in stream && this.#follows(stream.group))
      this.#calls.signalGroup(stream.group, signal);
  }

  #takes(stream: StreamRef): boolean {
    const now = this.#now();
    const name = streamName(stream);
    if (now - (this.#last.get(name) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return false;
    if (this.#last.size >= CONVERSATIONS)
      for (const [other, at] of this.#last) if (now - at >= EVERY_MS) this.#last.delete(other);
    if (this.#last.size >= CONVERSATIONS && !this.#last.has(name)) return false;
    this.#last.set(name, now);
    return true;
  }
}
