/** Messages that are to be sent later. The store holds them until they are sent; im-servers send them (`ScheduledSends` in libs/delivery). */
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
  /** A message can be scheduled for so far ahead [ms]. */
  aheadMs: 30 * DAY_MS,
  /** A time that has passed by less is taken as now [ms]: the clocks of machines differ. */
  passedMs: 60_000,
  /** A message that was claimed and is not sent by then is claimed again, by any im-server [ms]. */
  leaseMs: 10_000,
  /** A refused message stays listed for so long [ms]. */
  refusedMs: 7 * DAY_MS,
  /** An idempotency key of a request is remembered for so long [ms]. */
  keyMs: 3_600_000,
  /** The id of a message is remembered by the stream that has stored it for so long [ms]: a repeated send stores nothing. */
  sentMs: 7 * DAY_MS,
} as const;

/** A message to be scheduled. */
export interface NewScheduled {
  /** Chosen by the caller, new for each: the message is sent under this producer with counter 0. */
  readonly id: ProducerId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, opaque here. */
  readonly content: Uint8Array;
  /** ms since 1970, or from now; by the store's clock. */
  readonly when: { readonly at: number } | { readonly afterMs: number };
  /** Names the request: with the same key it is carried out once in an hour. [A-Za-z0-9_-]. */
  readonly key?: string | undefined;
  /** How many messages of the sender may be scheduled at once; Infinity: any number. */
  readonly most: number;
}

export type ScheduleAnswer =
  /** On disk. Of a repeated request: as it was answered first, whatever became of the message. */
  | { readonly outcome: 'ok'; readonly id: ProducerId; readonly sendAt: number }
  /** The sender has as many scheduled as may be. */
  | { readonly outcome: 'full' }
  /** The key was used for another request. */
  | { readonly outcome: 'conflict' }
  /** The time is too far ahead, or has passed. `now`: the store's clock [ms]. */
  | { readonly outcome: 'time'; readonly now: number };

export interface Refusal {
  readonly code: string;
  /** For people. */
  readonly text: string;
}

export interface ScheduledMessage {
  readonly id: ProducerId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  readonly content: Uint8Array;
  /** ms since 1970, the store's clock. */
  readonly sendAt: number;
}

export interface ListedMessage extends ScheduledMessage {
  /** An im-server has begun to send it: it can be cancelled no longer. */
  readonly sending: boolean;
  /** It was not sent, and will not be. `at`: ms since 1970. */
  readonly refused?: (Refusal & { readonly at: number }) | undefined;
}

export interface ClaimedMessage extends ScheduledMessage {
  /** Undefined: nobody has tried to send it before. Else how long ago the first try was [ms]. */
  readonly triedMs: number | undefined;
}

/** All scheduled messages, counted. */
export interface ScheduleCount {
  /** Refused ones are not counted. */
  readonly waiting: number;
  /** Of `waiting`: their time has come. 1,000 at most in the embedded store. */
  readonly due: number;
  /** How late the oldest of these is [ms]; 0: none is due. */
  readonly lateMs: number;
  /** Whether `claim` would find something. */
  readonly ready: boolean;
  /** When the next one is due [ms from now]; undefined: none waits for its time. */
  readonly nextMs: number | undefined;
}

export interface Scheduled {
  add(message: NewScheduled): Promise<ScheduleAnswer>;
  /** Of one user, the next one first; refused ones too. */
  list(user: UserId): Promise<readonly ListedMessage[]>;
  /**
   * `cancelled`: it is gone, and is not sent. Of a refused one: it is listed no longer. `sending`: an im-server has begun to send
   * it, and perhaps has. `none`: it was sent, or was never there.
   */
  cancel(user: UserId, id: ProducerId): Promise<'cancelled' | 'sending' | 'none'>;
  /** Cheap when nothing is scheduled. */
  count(): Promise<ScheduleCount>;
  /**
   * Due messages that nobody has claimed within `SCHEDULE.leaseMs`: the caller sends them. A message whose claim has lapsed is
   * claimed again. Forgets refused messages whose time is over.
   */
  claim(limit: number): Promise<readonly ClaimedMessage[]>;
  /** It is stored: removes it. Idempotent. */
  sent(user: UserId, id: ProducerId): Promise<void>;
  /** It is not stored, and must not be sent again. False: it was settled before. */
  refuse(user: UserId, id: ProducerId, refusal: Refusal): Promise<boolean>;
}

/** What a request asks for: two requests with one key must agree in it. */
export function scheduleDigest({ to, content, when }: NewScheduled): string {
  const time = 'at' in when ? `at ${when.at}` : `after ${when.afterMs}`;
  return hash('sha256', Buffer.concat([Buffer.from(`${streamName(to)} ${time} `), content]), 'base64url');
}

export const byTime = (a: ScheduledMessage, b: ScheduledMessage): number =>
  a.sendAt - b.sendAt || (a.id < b.id ? -1 : 1);

/** What keeps a message from being scheduled, for its sender. */
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
