/** Webhooks: the receivers of events, and their health. */
import { FEED_KINDS, type FeedKind } from './event-feed.ts';

/** All types of events. docs/business.md describes each. */
export const EVENT_TYPES = [
  'message.stored',
  'message.offline',
  'message.delivered',
  'group.created',
  'group.changed',
  'group.added',
  'group.joined',
  'group.left',
  'group.removed',
  'group.role',
  'group.muted',
  'group.transferred',
  'group.disbanded',
  'user.online',
  'user.offline',
  'ban.made',
  'ban.lifted',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Whether a wish names a type of event: by itself, or with all of its kind (`group.*`, `*`). */
export const namesEvent = (wish: string, type: EventType): boolean =>
  wish === type || wish === '*' || (wish.endsWith('.*') && type.startsWith(wish.slice(0, -1)));

/** Whether there are events of that name. */
export const isEventName = (wish: string): boolean => EVENT_TYPES.some((type) => namesEvent(wish, type));

/** Kinds of records for events that are made from other records than those of messages. */
const KINDS: readonly (readonly [wish: string, kind: FeedKind])[] = [
  ['message.delivered', 'deliveries'],
  ['user.*', 'presence'],
  ['ban.*', 'bans'],
];
/** The kind of records that the events of a type are made from. */
const kindOf = (type: EventType): FeedKind =>
  KINDS.find(([wish]) => namesEvent(wish, type))?.[1] ?? 'messages';

/** What is to be recorded for these webhooks. */
export function kindsFor(webhooks: readonly Webhook[]): readonly FeedKind[] {
  const wishes = webhooks.flatMap(({ off, events }) => (off === undefined ? events : []));
  const types = EVENT_TYPES.filter((type) => wishes.some((wish) => namesEvent(wish, type)));
  return FEED_KINDS.filter((kind) => types.some((type) => kindOf(type) === kind));
}

/** A URL that receives events. */
export interface Webhook {
  /** 12 of [A-Za-z0-9_-]. */
  readonly id: string;
  /** Number of changes, from 1. */
  readonly version: number;
  readonly url: string;
  /** Secrets `whsec_...`, the newest first, each valid until a time [ms since 1970; absent: for ever]. */
  readonly secrets: readonly { readonly secret: string; readonly until?: number }[];
  /** Types of events, or patterns such as `group.*`. */
  readonly events: readonly string[];
  /**
   * Conversations whose events it gets (`u<id>`: messages from or to that user; `g<id>`; `lobby`). Absent:
   * all.
   */
  readonly only?: readonly string[];
  /** Most events of one request. */
  readonly batch: number;
  /** Why it is off; absent: it is on. */
  readonly off?: string;
  readonly createdAt: number;
  /** Its name in the relay's file that declares it; absent: it was made by the admin API. */
  readonly setting?: string;
}

/** Most secrets that sign at once. */
const SECRETS = 5;

/**
 * The secrets of a webhook after a change to a new one. Those before sign until their ends: the newest one until `until`, and one that was
 * replaced earlier as long as it was to.
 */
export function nextSecrets(
  before: Webhook['secrets'],
  secret: string,
  until: number,
  now: number,
): Webhook['secrets'] {
  const [newest, ...older] = before.filter((one) => one.secret !== secret && (one.until ?? Infinity) > now);
  if (newest === undefined) return [{ secret }];
  return [{ secret }, { secret: newest.secret, until: newest.until ?? until }, ...older].slice(0, SECRETS);
}

/** The health of a receiver, as a relay has noted it. */
export interface WebhookHealth {
  /** Since when no request has succeeded [ms since 1970]; absent: the last one succeeded. */
  readonly failingSince?: number;
  /** One line about the last failed request. */
  readonly problem?: string;
  readonly notedAt: number;
}

export const WEBHOOKS_AT_MOST = 100;

/** Stores webhooks. Every call is safe to repeat. All calls throw when the store does not answer. */
export interface Webhooks {
  /** All webhooks, the oldest first. `revision` grows with each change. */
  list(): Promise<{ readonly revision: number; readonly items: readonly Webhook[] }>;
  /**
   * Stores a new webhook (version 1), or replaces the version before. `changed`: the stored version is not
   * the one before this.
   */
  put(webhook: Webhook): Promise<'ok' | 'changed' | 'full'>;
  /** Removes a webhook. False: there was none. */
  remove(id: string): Promise<boolean>;
  note(id: string, health: WebhookHealth): Promise<void>;
  /** Key: id of a webhook. */
  health(): Promise<ReadonlyMap<string, WebhookHealth>>;
}

export const byAge = (webhooks: readonly Webhook[]): readonly Webhook[] =>
  [...webhooks].sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
