/**
 * Redis keys. Everything of one owner lies in one of 256 shards, so that a script finds it in one slot of a Cluster:
 * a user's account, session, inbox, producers and cursors; a group's log and producers; an instance's lease and
 * online set. Keys are made of ids that we made; a name is only ever a field or a value.
 */
import { hash } from 'node:crypto';
import {
  foldName,
  type InstanceId,
  type ProducerId,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';

const SHARDS = 256;

/** FNV-1a: spreads consecutive ids. */
function shardOf(owner: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < owner.length; i++) h = Math.imul(h ^ owner.charCodeAt(i), 0x01000193) >>> 0;
  return h % SHARDS;
}

const tag = (owner: string): string => `{s${String(shardOf(owner)).padStart(3, '0')}}`;
const userTag = (user: UserId): string => tag(`u${user}`);
const streamTag = (stream: StreamRef): string =>
  stream.kind === 'inbox' ? userTag(stream.user) : tag(`g${stream.group}`);

export const key = {
  nextUser: `${tag('users')}:next-user`,
  account: (user: UserId) => `${userTag(user)}:acct:${user}`,
  /** A hash: folded name → user id. */
  names: (name: string) => `{n${hash('sha256', foldName(name), 'hex').slice(0, 2)}}:names`,
  session: (user: UserId) => `${userTag(user)}:sess:${user}`,
  /** A hash: stream name → "seq id". */
  cursors: (user: UserId) => `${userTag(user)}:cur:${user}`,
  lease: (instance: InstanceId) => `${tag(instance)}:lease:${instance}`,
  /** A hash: user id → "epoch name". */
  online: (instance: InstanceId) => `${tag(instance)}:online:${instance}`,
  shard: streamTag,
  userShard: userTag,
  log: (stream: StreamRef) => `${streamTag(stream)}:log:${streamName(stream)}`,
  meta: (stream: StreamRef) => `${streamTag(stream)}:meta:${streamName(stream)}`,
  /** Hashes: "sender:producer" → "counter seq digest". */
  producers: (stream: StreamRef) => `${streamTag(stream)}:prod:${streamName(stream)}`,
  olderProducers: (stream: StreamRef) => `${streamTag(stream)}:prod-older:${streamName(stream)}`,
  /** "digest seq" of a send that is known by its idempotency key. */
  keyed: (stream: StreamRef, sender: UserId, producer: ProducerId) =>
    `${streamTag(stream)}:key:${streamName(stream)}:${sender}:${producer}`,
} as const;
