import { CimError, type MessageId } from '@cim/protocol';
import type { Outgoing, Recipient, SendOutcome } from './events.ts';
import { conversationOf, recipientOfConversation, recipientProblem } from './recipient.ts';
import type { V1Api } from './v1-api.ts';
import { conversationInfoOf, type ConversationInfo, messageOf, type StoredMessage } from './v1-shapes.ts';

/** A question for messages of a conversation: the newest, or those before or after a cursor. */
export interface MessagesQuery {
  /** The `before` of a page, for older messages. */
  readonly before?: string;
  /** The `after` of a page, for newer messages. */
  readonly after?: string;
  /** Most messages; default 50. */
  readonly limit?: number;
}

/** A page of messages, oldest first. */
export interface MessagePage {
  /** The messages. */
  readonly items: readonly StoredMessage[];
  /** Cursor for older messages; absent when there are none. */
  readonly before?: string;
  /** Cursor for newer messages, also for future ones. */
  readonly after?: string;
  /** Cursor of the next page in the requested direction; absent when there is no more. */
  readonly next?: string;
}

/** Newest first. */
export interface ConversationPage {
  /** The conversations. */
  readonly items: readonly ConversationInfo[];
  /** Cursor of the next page: pass it on as `before`. Absent on the last page. */
  readonly next?: string;
}

/** The parts of the client that a conversation uses. */
export interface ConversationParts {
  readonly v1: V1Api;
  send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome>;
  typing(to: Recipient): void;
}

/**
 * The calls of one conversation, with a user or a group. It has no state; make one whenever it is needed.
 * Calls to the route reject with a `CimError`; those that send answer as `client.send`.
 */
export class ConversationCalls {
  /** `u<userId>` or `g<groupId>` */
  readonly id: string;
  /** The other user, or the group. */
  readonly to: Recipient;
  readonly #parts: ConversationParts;

  /** @throws {CimError} 3000: `of` is not a conversation */
  constructor(of: string | Recipient, parts: ConversationParts) {
    this.to = typeof of === 'string' ? recipientOfConversation(of) : of;
    const problem = recipientProblem(this.to);
    if (problem !== undefined) throw new CimError('invalid', problem);
    this.id = conversationOf(this.to);
    this.#parts = parts;
  }

  /**
   * A page of the messages of both sides; without a cursor the newest ones. Pages have no gaps and no
   * overlaps.
   */
  async messages(query: MessagesQuery = {}): Promise<MessagePage> {
    const { v1 } = this.#parts;
    const answer = await v1.get(`/conversations/${this.id}/messages`, { ...query });
    const { before, after, next } = answer;
    return {
      items: v1.listOf(answer, messageOf),
      ...(typeof before === 'string' && { before }),
      ...(typeof after === 'string' && { after }),
      ...(typeof next === 'string' && { next }),
    };
  }

  /** Last message, unread count and read mark. */
  async info(): Promise<ConversationInfo> {
    const { v1 } = this.#parts;
    return v1.oneOf(await v1.get(`/conversations/${this.id}`), conversationInfoOf);
  }

  /**
   * Moves the read mark, never back. The other side and this user's other devices are told.
   * @param n `n` of the newest read message; absent: all messages are read
   */
  async read(n?: number): Promise<{ readonly unread: number; readonly read: number }> {
    const mark = n ?? (await this.info()).n;
    const answer = await this.#parts.v1.call('PUT', `/conversations/${this.id}/read`, { n: mark });
    return { unread: Number(answer['unread']), read: Number(answer['read']) };
  }

  /** Sends to the conversation, as `client.send`. */
  send(what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    return this.#parts.send(this.to, what);
  }

  /** Recalls a message: an own one of the last 24 hours, or any in a group as its owner or admin. */
  recall(message: MessageId | string): Promise<SendOutcome> {
    return this.send({ type: 'recall', ref: message });
  }

  /** Replaces the texts of an own message. */
  edit(message: MessageId | string, texts: string | readonly string[]): Promise<SendOutcome> {
    return this.send({ type: 'edit', ref: message, texts });
  }

  /** Sets this user's reaction to a message, such as an emoji; '' removes it. */
  react(message: MessageId | string, reaction: string): Promise<SendOutcome> {
    return this.send({ type: 'reaction', ref: message, ...(reaction !== '' && { texts: reaction }) });
  }

  /**
   * Tells the other side, if it is connected, that this user is typing. At most one such signal per second is
   * sent on.
   */
  typing(): void {
    this.#parts.typing(this.to);
  }
}

/** This user's conversations, newest first. @throws {CimError} */
export async function listConversations(
  v1: V1Api,
  query: { readonly limit?: number; readonly before?: string },
): Promise<ConversationPage> {
  const answer = await v1.get('/conversations', { ...query });
  const { next } = answer;
  return { items: v1.listOf(answer, conversationInfoOf), ...(typeof next === 'string' && { next }) };
}
