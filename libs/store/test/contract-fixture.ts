/** Parts that the contract suites of the store's ports share. */
import { randomBytes, randomInt } from 'node:crypto';
import {
  CIM_DEVICE,
  type Epoch,
  type GroupId,
  groupStream,
  type InstanceId,
  inboxOf,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
  type UserName,
} from '@cim/protocol';
import type { ClaimAnswer, SessionAt, UserDevice } from '../src/sessions.ts';
import type { Store } from '../src/store.ts';
import type { Append, AppendAnswer, Entry, StreamLimits } from '../src/streams.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Stops `store` if the engine needs that, and opens the same data again as a new process would. */
  reopen(): Promise<Store>;
  /** Stops everything that is open and removes the data. */
  close(): Promise<void>;
}

/** Opens a store. Tests pass times when they wait for them to pass, and limits when they reach them. */
export type OpenStore = (options?: {
  readonly leaseMs?: number;
  readonly suspensionMs?: readonly number[];
  readonly issuedMs?: number;
  readonly limits?: StreamLimits;
  readonly scheduleSkewMs?: () => number;
}) => Promise<OpenedStore>;

const random = (bytes: number): string => randomBytes(bytes).toString('base64url');
export const newName = (): UserName => `u-${random(9)}` as UserName;
/** As another system gives it. */
export const newId = (): UserId => (1_600_000_000_000 + randomInt(100_000_000_000)) as UserId;
export const newInstance = (): InstanceId => random(12) as InstanceId;
export const newProducer = (): ProducerId => random(12) as ProducerId;
export const newClaim = (): string => random(12);

/** Makes an account for one test, so that tests do not affect each other. */
export async function newUser(store: Store): Promise<NamedUser> {
  const { account } = await store.accounts.register(newName());
  return { userId: account.userId, userName: account.userName };
}

/** The device of every CIM client, as a login names it. */
export const CIM = { device: CIM_DEVICE, label: '' } as const;
export const cimOf = ({ userId }: NamedUser): UserDevice => ({ userId, device: CIM_DEVICE });
export const cimAt = (instance: InstanceId, epoch: Epoch): SessionAt => ({
  device: CIM_DEVICE,
  instance,
  epoch,
});
/** The answer of the claim of a CIM client's login. */
export const claimedBy = (
  { userName }: Pick<NamedUser, 'userName'>,
  epoch: Epoch,
  ...previous: SessionAt[]
): ClaimAnswer => ({ outcome: 'claimed', epoch, userName, ...CIM, createdAt: 0, previous, others: [] });

/** Opens the lease of a new instance. */
export async function newServer(store: Store): Promise<InstanceId> {
  const instance = newInstance();
  await store.sessions.openLease(instance);
  return instance;
}

/** Logs a user in and claims the login at `instance`. Answers the epoch. */
export async function logIn(store: Store, user: NamedUser, instance: InstanceId): Promise<Epoch> {
  const issued = await store.sessions.issue({ user, ...CIM, instance, policy: 'kick', secretHash: '' });
  if (issued.outcome !== 'issued') throw new Error(`login answered ${issued.outcome}`);
  const { epoch } = issued;
  const claimed = await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
  if (claimed.outcome !== 'claimed') throw new Error(`claim answered ${claimed.outcome}`);
  return epoch;
}

export const append = (store: Store, item: Append): Promise<AppendAnswer> =>
  new Promise((resolve) => store.streams.append(item, resolve));

/** Appends, which must succeed. Answers the seq. */
export async function appendOk(store: Store, item: Append): Promise<Seq> {
  const answer = await append(store, item);
  if (answer.outcome !== 'ok') throw new Error(`append answered ${JSON.stringify(answer)}`);
  return answer.seq;
}

/** Makes the counted sends of one sender to one stream. */
export class Sends {
  readonly stream: StreamRef;
  readonly sender: NamedUser;
  readonly producer: ProducerId;

  constructor(stream: StreamRef, sender: NamedUser, producer: ProducerId = newProducer()) {
    this.stream = stream;
    this.sender = sender;
    this.producer = producer;
  }

  /** The send with that counter. Its content and digest follow from the counter unless they are given. */
  item(
    counter: number,
    content: Uint8Array = Buffer.from(`text ${counter}`),
    digest = `digest-${counter}`,
  ): Append {
    const { stream, sender, producer } = this;
    return { stream, sender, producer, counter, digest, content };
  }
}

/** An id that no group has. */
export const newGroupId = (): GroupId => String(10 ** 14 + randomInt(2 ** 47)) as GroupId;

/** The send that creates a group, the first entry of its log. */
export const creationOf = (group: GroupId, owner: NamedUser, users: readonly NamedUser[] = []): Append => ({
  ...new Sends(groupStream(group), owner).item(1),
  silent: true,
  operation: { kind: 'create', name: `group ${group}`, category: '', join: 'invite', users },
});

/** Creates a group with these members. The first one owns it, and the log has one entry. Answers its stream. */
export async function newGroup(store: Store, owner: NamedUser, ...others: NamedUser[]): Promise<StreamRef> {
  const creation = creationOf(newGroupId(), owner, others);
  await appendOk(store, creation);
  return creation.stream;
}

/** Makes a sender, and a recipient with an inbox. */
export async function newPair(store: Store): Promise<{ sends: Sends; to: NamedUser; inbox: StreamRef }> {
  const [sender, to] = await Promise.all([newUser(store), newUser(store)]);
  const inbox = inboxOf(to.userId);
  return { sends: new Sends(inbox, sender), to, inbox };
}

/** Reads all entries at or after `from`, with as many reads as necessary. */
export async function readAll(store: Store, stream: StreamRef, from = 1): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const next = (entries.at(-1)?.seq ?? from - 1) + 1;
    const more = await store.streams.read(stream, next as Seq, 1_000);
    if (more.length === 0) return entries;
    entries.push(...more);
  }
}

/** An id without an account. */
export const NOBODY = 9_000_000_000 as UserId;
/** Texts that break a store which takes them for keys, properties, patterns or scripts. */
export const AWKWARD_NAMES: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'cim-route:1',
  'login-status',
  '{s001}:acct:1001',
  'a b',
  "'; return 1 --",
  '*',
  'ñandú-日本-🦊',
  'line\nbreak\0nul',
];
