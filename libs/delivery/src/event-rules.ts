import { CimError, groupOf, type MessageId, messageId } from '@cim/protocol';
import {
  conversationOf,
  entryId,
  type Groups,
  type Histories,
  LogScans,
  policyOf,
  type Streams,
} from '@cim/store';
import { refused } from './send-problems.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';

/** A sender can recall its message for this long [ms]. */
const RECALL_MS = 24 * 3_600_000;

/**
 * Decides who may write an event about a message:
 *
 * | event | its author |
 * | --- | --- |
 * | recall | the message's sender, within 24 h; the owner or an admin of the group at any time |
 * | edit | the message's sender |
 * | reaction, and events to come | any user who may write to the conversation |
 *
 * The message must be one of the conversation. About a message that was recalled only another recall is
 * allowed.
 */
export class EventRules {
  readonly #histories: Pick<Histories, 'find'>;
  readonly #groups: Pick<Groups, 'member'>;
  readonly #streams: Streams;
  readonly #scans: LogScans;
  /** The time [ms], near the store's clock. */
  readonly #now: () => number;

  constructor(
    histories: Pick<Histories, 'find'>,
    groups: Pick<Groups, 'member'>,
    streams: Streams,
    now: () => number,
  ) {
    this.#histories = histories;
    this.#groups = groups;
    this.#streams = streams;
    this.#scans = new LogScans(streams);
    this.#now = now;
  }

  /** Why the actor may not write the event; undefined when it may. Rejects when the store does not answer. */
  async refusal(
    { actor, to }: SendRequest,
    type: string,
    about: MessageId,
  ): Promise<SendReceipt | undefined> {
    let message: Awaited<ReturnType<Histories['find']>>;
    try {
      message = await this.#histories.find(actor.userId, conversationOf(to), about);
    } catch (error) {
      if (error instanceof CimError && !error.retryable)
        return { outcome: 'refused', code: error.code, text: error.message };
      throw error;
    }
    if (message === undefined) return refused('unknownMessage');
    const isOwn = message.sender === actor.userId;
    if (type === 'recall') {
      // The sender repeats a recall that was stored.
      if (message.recalled && isOwn) return undefined;
      if (isOwn && this.#now() - message.storedAt <= RECALL_MS) return undefined;
      if (await this.#administers(actor.userId, to)) return undefined;
      return isOwn ? refused('tooLate') : refused('notYours');
    }
    if (message.recalled) return refused('unknownMessage', 'the message was recalled');
    if (type === 'edit' && !isOwn) return refused('notYours');
    return undefined;
  }

  /**
   * Whether the store already has this event, although the rules refuse it now because its message was
   * trimmed or recalled meanwhile. Asked only for sends that may be repeats. The append decides finally,
   * since it compares the contents.
   */
  async wasStored({ actor, to, producer, counter, again, rememberMs }: SendRequest): Promise<boolean> {
    if (counter > 0) {
      if (again !== true) return false;
      const [last] = await this.#streams.counters(actor.userId, [{ stream: to, producer }]);
      return (last ?? 0) >= counter;
    }
    if (rememberMs === undefined) return false;
    const id = messageId(actor.userId, producer, 0);
    const { top } = await this.#streams.position(to);
    const entry = await this.#scans.newest(to, top, (one) => entryId(one) === id, top);
    return entry !== undefined && this.#now() - entry.storedAt < rememberMs;
  }

  async #administers(user: SendRequest['actor']['userId'], to: SendRequest['to']): Promise<boolean> {
    const group = groupOf(to);
    if (group === undefined || policyOf(to).writers !== 'members') return false;
    const member = await this.#groups.member(group, user);
    return member !== undefined && member.role !== 'member';
  }
}
