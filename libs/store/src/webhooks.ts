/** Receivers of events, and how they fare. */

/** All types of events. docs/business.md describes each. */
export const EVENT_TYPES = [
  'message.stored',
  'message.offline',
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
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Whether a wish names a type of event: by itself, or with all of its kind (`group.*`, `*`). */
export const namesEvent = (wish: string, type: EventType): boolean =>
  wish === type || wish === '*' || (wish.endsWith('.*') && type.startsWith(wish.slice(0, -1)));

/** A URL that is told of events. */
export interface Webhook {
  /** 12 of [A-Za-z0-9_-]. */
  readonly id: string;
  /** Counts the changes, from 1. */
  readonly version: number;
  readonly url: string;
  /** The newest first: `whsec_...`, each until a time [ms since 1970; absent: for good]. */
  readonly secrets: readonly { readonly secret: string; readonly until?: number }[];
  /** Types of events, or `group.*` and the like. */
  readonly events: readonly string[];
  /** Absent: of all. Names of conversations (`u<id>`: messages from or to that user; `g<id>`; `lobby`). */
  readonly only?: readonly string[];
  /** Events of one request at most. */
  readonly batch: number;
  /** Why it gets nothing; absent: it is on. */
  readonly off?: string;
  readonly createdAt: number;
  /** Made by a setting of the relay, under this name. */
  readonly setting?: string;
}

/** How a receiver fares, as a relay has noted it. */
export interface WebhookHealth {
  /** Since when no request was answered well [ms since 1970]; absent: the last one was. */
  readonly failingSince?: number;
  /** One line: what came of the last request that failed. */
  readonly problem?: string;
  readonly notedAt: number;
}

export const WEBHOOKS_AT_MOST = 100;

/** Every call is safe to repeat. All throw when the store does not answer. */
export interface Webhooks {
  /** The oldest first. `revision` grows with each change. */
  list(): Promise<{ readonly revision: number; readonly items: readonly Webhook[] }>;
  /**
   * Stores a new one (version 1), or one in the place of the version before. `changed`: there is another version, or none, to which
   * this one is no successor.
   */
  put(webhook: Webhook): Promise<'ok' | 'changed' | 'full'>;
  /** False: there was none. */
  remove(id: string): Promise<boolean>;
  note(id: string, health: WebhookHealth): Promise<void>;
  /** Key: id. */
  health(): Promise<ReadonlyMap<string, WebhookHealth>>;
}

export const byAge = (webhooks: readonly Webhook[]): readonly Webhook[] =>
  [...webhooks].sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
