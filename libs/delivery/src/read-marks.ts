import { ownerOf, groupOf } from '@cim/protocol';
import type { NamedUser } from '@cim/protocol';
import { type ConversationRef, type Conversations, type Groups, policyOf, streamToAppend } from '@cim/store';
import type { ServerCalls } from './server-calls.ts';
import type { Signal } from './signal.ts';

/** Largest group whose members are told about read marks. */
const GROUP_MEMBERS = 200;

/**
 * Moves read marks and signals them: to the user's own devices, to the other side of a private conversation,
 * and to the members of a small group. The store holds the mark; the signal is best effort.
 */
export class ReadMarks {
  readonly #conversations: Pick<Conversations, 'read'>;
  readonly #groups: Pick<Groups, 'find'>;
  readonly #calls: Pick<ServerCalls, 'signal' | 'signalGroup'>;

  constructor(
    conversations: Pick<Conversations, 'read'>,
    groups: Pick<Groups, 'find'>,
    calls: Pick<ServerCalls, 'signal' | 'signalGroup'>,
  ) {
    this.#conversations = conversations;
    this.#groups = groups;
    this.#calls = calls;
  }

  /**
   * @throws {CimError} 9405: the mark is beyond the end; 9200: no such group; 9201: the user is not a member
   * of it
   */
  async read(
    actor: NamedUser,
    of: ConversationRef,
    n: number,
  ): Promise<{ readonly unread: number; readonly read: number }> {
    const { unread, read, moved } = await this.#conversations.read(actor.userId, of, n);
    if (moved) await this.#tell(actor, of, read).catch(() => undefined);
    return { unread, read };
  }

  async #tell({ userId, userName }: NamedUser, of: ConversationRef, n: number): Promise<void> {
    const sender = { userId, userName };
    const to = streamToAppend(of);
    const signal: Signal = { kind: 'read', sender, to, n };
    const peer = ownerOf(to);
    this.#calls.signal([...new Set([userId, peer ?? userId])], signal);
    const group = groupOf(to);
    if (group === undefined || policyOf(to).writers !== 'members') return;
    const found = await this.#groups.find(group);
    if (found !== undefined && found.members <= GROUP_MEMBERS) this.#calls.signalGroup(group, signal);
  }
}
