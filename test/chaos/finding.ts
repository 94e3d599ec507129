/** The faults that the checker can find. */
import type { Payload } from './journal.ts';

export type Fault =
  | 'lost'
  /** It was shown, but later than a judgement waits. */
  | 'late'
  | 'shown twice'
  | 'out of order'
  | 'groups differ'
  | 'devices differ'
  | 'misdelivered'
  | 'shown to its sending device'
  | 'shown to no member'
  | 'taken from no member'
  | 'refused to a member'
  | 'members differ'
  | 'answered stored, not stored'
  | 'copy not stored'
  | 'stored twice'
  | 'never sent'
  | 'not answered'
  // Found by `rest.ts`.
  | 'history differs'
  | 'read by no member'
  | 'unread differs';

export interface Finding {
  readonly fault: Fault;
  /** A device of a person, or a lane. */
  readonly person: string;
  readonly text: string;
}

/** A send with the times of its first try and its answer [ms]. */
export interface Sending {
  readonly payload: Payload;
  readonly from: number;
  readonly to: number;
}
