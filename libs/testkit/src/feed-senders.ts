/** Users who write into a store without a server, so that its feed of events has records, and webhooks for them. */
import {
  cim,
  encodeContent,
  type GroupId,
  groupStream,
  inboxOf,
  messageId,
  type NamedUser,
  type ProducerId,
  type StreamRef,
} from '@cim/protocol';
import { randomText } from '@cim/runtime';
import type { AppendAnswer, Store, Webhook } from '@cim/store';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export const newWebhook = (url: string, changes: Partial<Webhook> = {}): Webhook => ({
  ...{ id: randomText(12), version: 1, url, secrets: [{ secret: SECRET }], events: ['message.stored'] },
  ...{ batch: 1, createdAt: Date.now(), ...changes },
});

/** Users who send. It remembers which messages were stored. */
export class Senders {
  /** Key: line (`lineOf`). Value: ids in the order in which they were stored. */
  readonly stored = new Map<string, string[]>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async newUser(name = `u-${randomText(9)}`): Promise<NamedUser> {
    const { account } = await this.#store.accounts.register(name as never);
    return { userId: account.userId, userName: account.userName };
  }

  async newGroup(owner: NamedUser, users: readonly NamedUser[] = []): Promise<GroupId> {
    const group = await this.#store.groups.newId();
    const body = Buffer.from(JSON.stringify({ op: 'create', name: 'g', users: [] }));
    const content = cim.Content.encode({ type: 'member', body }).finish();
    const operation = { kind: 'create', name: 'g', category: '', join: 'invite', users } as const;
    const answer = await this.#append(groupStream(group), owner, content, { operation, silent: true });
    if (answer.outcome !== 'ok') throw new Error(answer.outcome);
    return group;
  }

  async leave(user: NamedUser, group: GroupId): Promise<void> {
    const body = Buffer.from(JSON.stringify({ op: 'leave' }));
    const content = cim.Content.encode({ type: 'member', body }).finish();
    const operation = { kind: 'leave' } as const;
    const answer = await this.#append(groupStream(group), user, content, { operation, silent: true });
    if (answer.outcome !== 'ok') throw new Error(answer.outcome);
  }

  /** Answers the id of the message. Two sends of one line must not run at the same time. */
  async send(from: NamedUser, to: NamedUser | GroupId, text: string): Promise<string> {
    const stream = typeof to === 'string' ? groupStream(to) : inboxOf(to.userId);
    const producer = randomText(24) as ProducerId;
    const content = encodeContent({ texts: [text] });
    const answer = await this.#append(stream, from, content, {}, producer);
    if (answer.outcome !== 'ok') throw new Error(answer.outcome);
    const id = messageId(from.userId, producer, 0);
    const name = typeof to === 'string' ? `g${to}` : `u${from.userId}-u${to.userId}`;
    const ids = this.stored.get(name) ?? [];
    this.stored.set(name, ids);
    ids.push(id);
    return id;
  }

  #append(
    stream: StreamRef,
    sender: NamedUser,
    content: Uint8Array,
    more: object,
    producer = randomText(24) as ProducerId,
  ): Promise<AppendAnswer> {
    const digest = randomText(22);
    return new Promise((resolve) =>
      this.#store.streams.append({ stream, sender, producer, counter: 0, digest, content, ...more }, resolve),
    );
  }
}
