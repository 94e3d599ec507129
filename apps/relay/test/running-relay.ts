/** Runs relays on a store in this process, and users who send. */
import { Outcall } from '@cim/outcall';
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
import { randomText, silentLogger, type RelayObserver } from '@cim/runtime';
import type { AppendAnswer, Store, Webhook } from '@cim/store';
import type { DeclaredWebhooks } from '../src/declared.ts';
import { Relay } from '../src/relay.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export const newWebhook = (url: string, changes: Partial<Webhook> = {}): Webhook => ({
  ...{ id: randomText(12), version: 1, url, secrets: [{ secret: SECRET }], events: ['message.stored'] },
  ...{ batch: 1, createdAt: Date.now(), ...changes },
});

export interface Counted {
  readonly events: Record<string, number>;
}

export function startRelay(
  given: Store,
  options: {
    /** In place of the other one. */
    readonly store?: Store;
    readonly leaseMs?: number;
    readonly counted?: Counted;
    readonly now?: () => number;
    readonly declared?: DeclaredWebhooks;
    readonly keptMs?: number;
  } = {},
): Relay {
  const { counted, store = given, ...rest } = options;
  const count = (outcome: string, events: number): void => {
    if (counted !== undefined) counted.events[outcome] = (counted.events[outcome] ?? 0) + events;
  };
  const observer: RelayObserver = {
    webhookCalled: (outcome, _seconds, events) => count(outcome, events),
    webhookEvent: count,
  };
  const relay = new Relay({
    ...{ store, observer, logger: silentLogger(), id: randomText(12), most: 10_000 },
    keptMs: 3_600_000,
    retryAfter: (failed, askedMs = 0) => (failed > 6 ? undefined : Math.max(failed * 50, askedMs)),
    outcall: new Outcall({ allowedHosts: ['127.0.0.1'], agent: 'CIM/test' }),
    ...rest,
  });
  relay.start();
  return relay;
}

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
