/**
 * Messages that are to be sent later. The store holds them until im-servers send them (`ScheduledSends` in
 * libs/delivery).
 */
import { hash } from 'node:crypto';
import {
  CimError,
  type NamedUser,
  type ProducerId,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';

const DAY_MS = 24 * 3_600_000;

export const SCHEDULE = {
  /** A message can be scheduled this far ahead [ms]. */
  aheadMs: 30 * DAY_MS,
  /** A time in the past by less than this counts as now [ms], since the clocks of machines differ. */
  passedMs: 60_000,
  /** A claimed message that is not sent by then can be claimed again by any im-server [ms]. */
  leaseMs: 10_000,
  /** A refused message stays listed for this long [ms]. */
  refusedMs: 7 * DAY_MS,
  /** An idempotency key of a request is remembered for this long [ms]. */
  keyMs: 3_600_000,
  /**
   * The stream that has stored a message remembers its id for this long [ms]: a repeated send stores nothing.
   */
  sentMs: 7 * DAY_MS,
} as const;

/** A message to be scheduled. */
export interface NewScheduled {
  /** Chosen by the caller, new for each message. The message is sent under this producer with counter 0. */
  readonly id: ProducerId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, opaque to the store. */
  readonly content: Uint8Array;
  /** When to send it [ms since 1970, or ms from now], by the store's clock. */
  readonly when: { readonly at: number } | { readonly afterMs: number };
  /** Names the request: with the same key it is carried out once within an hour. Of [A-Za-z0-9_-]. */
  readonly key?: string | undefined;
  /** Most messages that the sender may have scheduled at once; Infinity: no limit. */
  readonly most: number;
}

export type ScheduleAnswer =
  /** The message is on disk. A repeated request gets the first answer, whatever became of the message. */
  | { readonly outcome: 'ok'; readonly id: ProducerId; readonly sendAt: number }
  /** The sender has as many scheduled as may be. */
  | { readonly outcome: 'full' }
  /** The key was used for another request. */
  | { readonly outcome: 'conflict' }
  /** The time is too far ahead, or has passed. `now`: the store's clock [ms]. */
  | { readonly outcome: 'time'; readonly now: number };

export interface Refusal {
  readonly code: string;
  /** A sentence for people. */
  readonly text: string;
}

export interface ScheduledMessage {
  readonly id: ProducerId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  readonly content: Uint8Array;
  /** When it is to be sent [ms since 1970, the store's clock]. */
  readonly sendAt: number;
}

export interface ListedMessage extends ScheduledMessage {
  /** An im-server has begun to send it, so it can no longer be cancelled. */
  readonly sending: boolean;
  /** It was refused and will not be sent. `at`: ms since 1970. */
  readonly refused?: (Refusal & { readonly at: number }) | undefined;
}

export interface ClaimedMessage extends ScheduledMessage {
  /** How long ago it was first tried [ms]; undefined: never. */
  readonly triedMs: number | undefined;
}

/** Counts over all scheduled messages. */
export interface ScheduleCount {
  /** Messages that wait to be sent, without refused ones. */
  readonly waiting: number;
  /** The waiting messages whose time has come. The embedded store counts 1,000 at most. */
  readonly due: number;
  /** How late the oldest due message is [ms]; 0: none is due. */
  readonly lateMs: number;
  /** Whether `claim` would find a message. */
  readonly ready: boolean;
  /** When the next message is due [ms from now]; undefined: none waits for its time. */
  readonly nextMs: number | undefined;
}

export interface Scheduled {
  add(message: NewScheduled): Promise<ScheduleAnswer>;
  /** The messages of one user, the next one first; refused ones too. */
  list(user: UserId): Promise<readonly ListedMessage[]>;
  /**
   * Cancels a message. `cancelled`: it is gone, and is not sent; a refused one is no longer listed.
   * `sending`: an im-server has begun to send it, and may have sent it. `none`: it was sent, or never
   * existed.
   */
  cancel(user: UserId, id: ProducerId): Promise<'cancelled' | 'sending' | 'none'>;
  /** Counts the messages. Cheap when nothing is scheduled. */
  count(): Promise<ScheduleCount>;
  /**
   * Claims due messages without a claim of the last `SCHEDULE.leaseMs`; the caller sends them. A message
   * whose claim has lapsed is claimed again. Also forgets refused messages whose time is over.
   */
  claim(limit: number): Promise<readonly ClaimedMessage[]>;
  /** Removes a message that was stored. Idempotent. */
  sent(user: UserId, id: ProducerId): Promise<void>;
  /** Marks a message as refused: it is not stored, and must not be sent. False: it was settled before. */
  refuse(user: UserId, id: ProducerId, refusal: Refusal): Promise<boolean>;
}

/** The digest of a request. Two requests with one key must have the same. */
export function scheduleDigest({ to, content, when }: NewScheduled): string {
  const time = 'at' in when ? `at ${when.at}` : `after ${when.afterMs}`;
  return hash('sha256', Buffer.concat([Buffer.from(`${streamName(to)} ${time} `), content]), 'base64url');
}

export const byTime = (a: ScheduledMessage, b: ScheduledMessage): number =>
  a.sendAt - b.sendAt || (a.id < b.id ? -1 : 1);

/** The error for the sender when a message cannot be scheduled. */
export function scheduleError(answer: Exclude<ScheduleAnswer, { outcome: 'ok' }>, most: number): CimError {
  switch (answer.outcome) {
    case 'full':
      return new CimError(
        'tooManyScheduled',
        `${most} messages of yours are scheduled already (limit scheduled); cancel one, or wait until one is sent`,
      );
    case 'conflict':
      return new CimError(
        'invalid',
        'this Idempotency-Key was used for another request within the last hour',
      );
    case 'time':
      return new CimError(
        'sendTime',
        `a message can be sent from now up to 30 days ahead; the time here is ${new Date(answer.now).toISOString()}`,
      );
  }
}
