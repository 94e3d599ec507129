import {
  CimError,
  contentFacts,
  groupOf,
  ownerOf,
  type NamedUser,
  type ProducerId,
  type StreamRef,
} from '@cim/protocol';
import { randomText } from '@cim/runtime';
import { type NewScheduled, policyOf, scheduleError, type Store } from '@cim/store';
import { errorOf } from './send-problems.ts';
import { producerOfKey, refusalOf } from './send-service.ts';

export interface LaterSend {
  readonly actor: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, not checked yet. */
  readonly content: Uint8Array;
  readonly when: NewScheduled['when'];
  /** 1 to 255 characters. The same key of the same sender schedules one message within an hour. */
  readonly key?: string | undefined;
}

/**
 * Accepts messages that are to be sent later. It checks what can be known now; the rest is checked when the
 * message is sent.
 */
export class Scheduling {
  readonly #store: Pick<Store, 'scheduled' | 'accounts' | 'groups'>;
  readonly #most: number;

  /** @param most how many scheduled messages a user may have at once */
  constructor(store: Pick<Store, 'scheduled' | 'accounts' | 'groups'>, most: number) {
    this.#store = store;
    this.#most = most;
  }

  /**
   * Stores a message for later. It is on disk when the call is answered.
   * @throws {CimError} the message cannot be sent, the sender has too many scheduled messages, or the time is
   * not within 30 days
   */
  async add({ actor, to, content, when, key }: LaterSend): Promise<{ id: ProducerId; sendAt: number }> {
    const named = key === undefined ? undefined : producerOfKey(key);
    const facts = contentFacts(content);
    const refusal = refusalOf({ to }, facts);
    if (refusal !== undefined) throw errorOf(refusal);
    if (facts.event)
      throw new CimError('invalid', 'a recall, an edit or a reaction cannot be sent later; send it now');
    await this.#requireRecipient(actor, to);
    const id = randomText(24) as ProducerId;
    const most = this.#most;
    const answer = await this.#store.scheduled.add({
      id,
      sender: actor,
      to,
      content,
      when,
      key: named,
      most,
    });
    if (answer.outcome !== 'ok') throw scheduleError(answer, most);
    return { id: answer.id, sendAt: answer.sendAt };
  }

  async #requireRecipient(actor: NamedUser, to: StreamRef): Promise<void> {
    const { accounts, groups } = this.#store;
    const recipient = ownerOf(to);
    const group = groupOf(to);
    if (recipient !== undefined && (await accounts.byId(recipient)) === undefined)
      throw new CimError('unknownAccount', 'there is no user with this id');
    if (group === undefined || policyOf(to).writers !== 'members') return;
    if ((await groups.find(group)) === undefined) throw new CimError('unknownGroup');
    if ((await groups.member(group, actor.userId)) === undefined) throw new CimError('notMember');
  }
}
