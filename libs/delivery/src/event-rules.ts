import { CimError, contentType, groupOf, type MessageId } from '@cim/protocol';
import { conversationOf, type Groups, type Histories, policyOf } from '@cim/store';
import { refused } from './send-problems.ts';
import type { Refused, SendRequest } from './send-request.ts';

/**
 * Decides who may write an event about a message. The table of content types says it for each type
 * (`EventAbout`). The message must be one of the conversation.
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
    const rule = contentType(type).about;
    if (rule === undefined) return undefined;
    if (message.recalled && !rule.ofRecalled) return refused('unknownMessage', 'the message was recalled');
    if (rule.author === 'writers') return undefined;
    // The sender repeats an event that was stored.
    if (isOwn && (message.recalled || this.#now() - message.storedAt <= rule.senderMs)) return undefined;
    if (rule.author === 'sender-or-admins' && (await this.#administers(actor.userId, to))) return undefined;
    return isOwn ? refused('tooLate') : refused('notYours');
  }

  async #administers(user: SendRequest['actor']['userId'], to: SendRequest['to']): Promise<boolean> {
    const group = groupOf(to);
    if (group === undefined || policyOf(to).writers !== 'members') return false;
    const member = await this.#groups.member(group, user);
    return member !== undefined && member.role !== 'member';
  }
}
