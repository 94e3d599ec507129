import { CimError, type MessageId } from '@cim/protocol';
import type { Outgoing, Recipient, SendOutcome } from './events.ts';
import { conversationOf, recipientOfConversation, recipientProblem } from './recipient.ts';
import type { V1Api } from './v1-api.ts';
import { conversationInfoOf, type ConversationInfo, messageOf, type StoredMessage } from './v1-shapes.ts';

/** What of a conversation is asked for: the newest messages, or those before or after a cursor. */
export interface MessagesQuery {
  /** `before` of a page: older messages. */
  readonly before?: string;
  /** `after` of a page: newer messages. */
  readonly after?: string;
  /** At most; default 50. */
  readonly limit?: number;
}

/** Oldest first. */
export interface MessagePage {
  /** The messages. */
  readonly items: readonly StoredMessage[];
  /** Cursor of older messages; absent when there are none. */
  readonly before?: string;
  /** Cursor of newer messages, also of those that will come. */
  readonly after?: string;
  /** There is more in the direction that was asked for: its cursor. */
  readonly next?: string;
}

/** Newest first. */
export interface ConversationPage {
  /** The conversations. */
  readonly items: readonly ConversationInfo[];
  /** There are more: pass it on as `before`. */
  readonly next?: string;
}

/** What a conversation needs from the client around it. */
export interface ConversationParts {
  readonly v1: V1Api;
  send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome>;
  typing(to: Recipient): void;
}

/**
 * The calls of one conversation: with a user, or a group. It holds nothing; make one whenever it is needed. Those that ask the
 * route reject with a `CimError`, those that send answer as `client.send`.
 */
export class ConversationCalls {
  /** `u<userId>` or `g<groupId>` */
  readonly id: string;
  /** Whom it is with. */
  readonly to: Recipient;
  readonly #parts: ConversationParts;

  /** @throws {CimError} 3000: it names no conversation */
  constructor(of: string | Recipient, parts: ConversationParts) {
    this.to = typeof of === 'string' ? recipientOfConversation(of) : of;
    const problem = recipientProblem(this.to);
    if (problem !== undefined) throw new CimError('invalid', problem);
    this.id = conversationOf(this.to);
    this.#parts = parts;
  }

  /** A page of what both sides said; the newest messages first of all. Pages have no gaps and no overlaps. */
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
   * Moves the read mark, never back. The other side, and this user's other devices, are told.
   * @param n of the newest message that is read; without it everything is
   */
  async read(n?: number): Promise<{ readonly unread: number; readonly read: number }> {
    const mark = n ?? (await this.info()).n;
    const answer = await this.#parts.v1.call('PUT', `/conversations/${this.id}/read`, { n: mark });
    return { unread: Number(answer['unread']), read: Number(answer['read']) };
  }

  /** As `client.send`. */
  send(what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    return this.#parts.send(this.to, what);
  }

  /** Takes a message back: an own one of the last 24 hours, or in a group any, as its owner or admin. */
  recall(message: MessageId | string): Promise<SendOutcome> {
    return this.send({ type: 'recall', ref: message });
  }

  /** Gives an own message other texts. */
  edit(message: MessageId | string, texts: string | readonly string[]): Promise<SendOutcome> {
    return this.send({ type: 'edit', ref: message, texts });
  }

  /** Sets this user's reaction to a message, such as an emoji; '' takes it away. */
  react(message: MessageId | string, reaction: string): Promise<SendOutcome> {
    return this.send({ type: 'reaction', ref: message, ...(reaction !== '' && { texts: reaction }) });
  }

  /** Tells the other side, if it is connected, that this user is typing. At most one a second gets through. */
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
