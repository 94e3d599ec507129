/**
 * The keys in Redis. All keys of one owner lie in one of 256 shards, so that a script finds them in one slot
 * of a Cluster. For a user these are the account, session, inbox, producers, cursors, conversations, groups,
 * read marks and blocks. For a group: record, members, log and producers. For an instance: lease and online
 * set. A user's scheduled messages lie in another shard. Keys are made of ids that we made; a name is only
 * ever a field or a value.
 */
import { hash } from 'node:crypto';
import {
  foldName,
  type GroupId,
  inboxOf,
  type InstanceId,
  ofStream,
  type ProducerId,
  streamName,
  type StreamRef,
  type UserId,
} from '@cim/protocol';

const SHARDS = 256;

/** FNV-1a, which spreads consecutive ids. */
function shardOf(owner: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < owner.length; i++) h = Math.imul(h ^ owner.charCodeAt(i), 0x01000193) >>> 0;
  return h % SHARDS;
}

/** The beginnings of all keys except those of names. */
export const SHARD_TAGS: readonly string[] = Array.from(
  { length: SHARDS },
  (_, i) => `{s${String(i).padStart(3, '0')}}`,
);
/** The beginnings of the keys of names. */
export const NAME_TAGS: readonly string[] = Array.from(
  { length: 256 },
  (_, i) => `{n${i.toString(16).padStart(2, '0')}}`,
);
const tag = (owner: string): string => SHARD_TAGS[shardOf(owner)] ?? '';
const userTag = (user: UserId): string => tag(`u${user}`);
const groupTag = (group: GroupId): string => tag(`g${group}`);

/** The shards of scheduled messages: a sixteenth of all, few enough to read all of them every second. */
export const scheduledShards: readonly string[] = SHARD_TAGS.filter((_, i) => i % 16 === 0);
const scheduledShard = (user: UserId): string => scheduledShards[shardOf(`u${user}`) % 16] ?? '';

export const streamShard = (stream: StreamRef): string => ofStream(stream, userTag, groupTag);

const nameTag = (value: string): string => `{n${hash('sha256', value, 'hex').slice(0, 2)}}`;
/** The keys of all hashes of names. */
export const nameShards: readonly string[] = NAME_TAGS.map((of) => `${of}:names`);

export const key = {
  nextUser: `${tag('users')}:next-user`,
  account: (user: UserId) => `${userTag(user)}:acct:${user}`,
  /** A hash: folded name → user id. */
  names: (name: string) => `${nameTag(foldName(name))}:names`,
  /** A hash: look → user id. */
  looks: (look: string) => `${nameTag(look)}:looks`,
  /** A hash: subject of tokens → user id. */
  subjects: (subject: string) => `${nameTag(subject)}:subjects`,
  /** A hash (`api-keys.ts`). */
  apiKeys: `${tag('users')}:api-keys`,
  looksEntered: `${tag('users')}:looks-entered`,
  /** A hash: device → record (`session-scripts.ts`). */
  session: (user: UserId) => `${userTag(user)}:sess:${user}`,
  /** A hash of cursors, "seq id" (see `ACK` in `stream-scripts.ts`). */
  cursors: (user: UserId) => `${userTag(user)}:cur:${user}`,
  lease: (instance: InstanceId) => `${tag(instance)}:lease:${instance}`,
  /** A hash: user id → "epoch:device,epoch:device name". */
  online: (instance: InstanceId) => `${tag(instance)}:online:${instance}`,
  /** A set of stream names. */
  dirty: (instance: InstanceId) => `${tag(instance)}:dirty:${instance}`,
  nextGroup: `${tag('groups')}:next-group`,
  /** A hash: group → its version when the user was known to be a member. */
  memberships: (user: UserId) => `${userTag(user)}:mem:${user}`,
  /** A hash: "group left" → "joined ms": ended memberships, and when each was written. */
  stays: (user: UserId) => `${userTag(user)}:stays:${user}`,
  /** A hash: group → n up to which the user has read it. */
  marks: (user: UserId) => `${userTag(user)}:marks:${user}`,
  /** A text: a space, then ids of users with a space behind each (`blocks.ts`). The append script makes the same. */
  blocks: (user: UserId) => `${userTag(user)}:blocks:${streamName(inboxOf(user))}`,
  bansShard: tag('bans'),
  bans: `${tag('bans')}:bans`,
  logWish: `${tag('log')}:log-wish`,
  bansUntil: `${tag('bans')}:bans-until`,
  /** A hash (`webhooks.ts`). */
  webhooks: `${tag('webhooks')}:webhooks`,
  /** See `held.ts`. */
  held: `${tag('moderation')}:mod`,
  heldWaiting: `${tag('moderation')}:mod-waiting`,
  heldAllowed: `${tag('moderation')}:mod-allowed`,
  heldSenders: `${tag('moderation')}:mod-senders`,
  heldPast: (id: ProducerId) => `${tag('moderation')}:mod-past:${id}`,
  /** A sorted set: relay → until when it lives [ms]. */
  relays: `${tag('relays')}:relays`,
  /** One per shard (`event-feed.ts`). The append script makes the first two keys as well. */
  feed: (shard: string) => `${shard}:feed`,
  feedOn: (shard: string) => `${shard}:feed-on`,
  feedRelay: (shard: string) => `${shard}:feed-relay`,
  letters: (shard: string) => `${shard}:letters`,
  /** See `session-scripts.ts`, which makes the same key. */
  presentAt: (shard: string) => `${shard}:present-at`,
  /** @param of the subject of the budget (`limits.ts`) */
  limit: (limit: string, of: string) => `${tag(of)}:limit:${limit}:${of}`,
  limitShard: tag,
  /** See `scheduled.ts`. The claim script makes the same key from the shard and the user. */
  scheduled: (user: UserId) => `${scheduledShard(user)}:sched:${user}`,
  scheduledKey: (user: UserId, named: string) => `${scheduledShard(user)}:sched-key:${user}:${named}`,
  scheduledShard,
  schedule: (shard: string) => ({
    due: `${shard}:sched-due`,
    claims: `${shard}:sched-claims`,
    refused: `${shard}:sched-refused`,
  }),
  conversations: (user: UserId) => `${userTag(user)}:conv:${user}`,
  /** See `group-lua.ts`. */
  pending: (shard: string) => `${shard}:pending`,
  ended: (shard: string) => `${shard}:ended`,
  userShard: userTag,
} as const;

/** The append script makes the same keys from the shard and the group. `group-lua.ts` says what they hold. */
export function groupKeys(group: GroupId): {
  readonly record: string;
  readonly members: string;
  readonly followers: string;
  readonly pending: string;
  readonly ended: string;
} {
  const shard = tag(`g${group}`);
  return {
    record: `${shard}:grp:${group}`,
    members: `${shard}:members:${group}`,
    followers: `${shard}:fol:${group}`,
    pending: key.pending(shard),
    ended: key.ended(shard),
  };
}

/**
 * The append script makes the same keys from the shard and the name, and a `key` with "digest seq" of each
 * send known by its idempotency key.
 */
export interface StreamKeys {
  readonly log: string;
  readonly meta: string;
  /**
   * A stream whose ids are the seqs of events. Each entry holds the id of the message that the event is
   * about.
   */
  readonly events: string;
  /** Hashes: "sender:producer" → "counter seq digest". */
  readonly producers: string;
  readonly olderProducers: string;
}

export function streamKeys(stream: StreamRef): StreamKeys {
  const shard = streamShard(stream);
  const name = streamName(stream);
  return {
    log: `${shard}:log:${name}`,
    meta: `${shard}:meta:${name}`,
    events: `${shard}:evt:${name}`,
    producers: `${shard}:prod:${name}`,
    olderProducers: `${shard}:prod-older:${name}`,
  };
}
