import { CimError, groupOf, type MessageId } from '@cim/protocol';
import { conversationOf, type Groups, type Histories, policyOf } from '@cim/store';
import { refused } from './send-problems.ts';
import type { Refused, SendRequest } from './send-request.ts';

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
  /** The time [ms], near the store's clock. */
  readonly #now: () => number;

  constructor(histories: Pick<Histories, 'find'>, groups: Pick<Groups, 'member'>, now: () => number) {
    this.#histories = histories;
    this.#groups = groups;
    this.#now = now;
  }

  /** Why the actor may not write the event; undefined when it may. Rejects when the store does not answer. */
  async refusal({ actor, to }: SendRequest, type: string, about: MessageId): Promise<Refused | undefined> {
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

  async #administers(user: SendRequest['actor']['userId'], to: SendRequest['to']): Promise<boolean> {
    const group = groupOf(to);
    if (group === undefined || policyOf(to).writers !== 'members') return false;
    const member = await this.#groups.member(group, user);
    return member !== undefined && member.role !== 'member';
  }
}
