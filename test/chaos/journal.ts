/** What the people of a run did and saw, in the order in which they did and saw it. */

/** A text says who sent it, on which lane, and which of that lane it is. A lane is a recipient's name, `lobby`, or a group's. */
export interface Payload {
  /** A person, or one device of a person: `voiceOf`. */
  readonly sender: string;
  readonly lane: string;
  /** From 1, per sender and lane. */
  readonly n: number;
}

export const textOf = ({ sender, lane, n }: Payload): string => `${sender}>${lane}#${n}`;

/** Undefined for a text that `textOf` has not made. */
export function payloadOf(text: string): Payload | undefined {
  const [, sender, lane, n] = /^([^>#]+)>([^>#]+)#([1-9]\d*)(?: |$)/.exec(text) ?? [];
  return sender === undefined || lane === undefined ? undefined : { sender, lane, n: Number(n) };
}

/** Names one device of a person; a person with one device only has the device ''. */
export const voiceOf = (person: string, device: string): string =>
  device === '' ? person : `${person}/${device}`;
/** The person of a voice. */
export const personOf = (voice: string): string => voice.split('/', 1)[0] ?? voice;

/** Lane of a group that has members. Lanes of people never begin so. */
export const groupLane = (n: number): string => `group-${n}`;
export const isGroupLane = (lane: string): boolean => lane.startsWith('group-');
export const isPrivate = (lane: string): boolean => lane !== 'lobby' && !isGroupLane(lane);

/** A change of who is in a group, as somebody asks for it. */
export interface Change {
  readonly group: string;
  readonly op: 'in' | 'out' | 'mute' | 'unmute';
  readonly person: string;
}

export type JournalEntry =
  /** `at` in these is the moment [ms], on one clock for all journals; two events of the same moment have no order. */
  | { readonly did: 'sent'; readonly payload: Payload; readonly at: number }
  | {
      readonly did: 'answered';
      readonly payload: Payload;
      readonly outcome: 'stored' | 'refused' | 'unknown';
      readonly at: number;
    }
  | { readonly did: 'asked-change'; readonly change: Change; readonly at: number }
  /** The change that this journal has asked for last is done. */
  | { readonly did: 'changed'; readonly change: Change; readonly at: number }
  | {
      readonly did: 'shown';
      /** As it came; a payload is read from it by whoever checks. */
      readonly text: string;
      readonly from: string;
      /** `inbox`, or the lane of the lobby or a group. */
      readonly stream: string;
      /** The other side of its conversation, as the SDK has said: a person, or the lane of a group. */
      readonly conversation?: string;
    }
  /** The SDK has said that the store lost something: of this lane for a sender, of this stream for a recipient. */
  | {
      readonly did: 'was-told';
      readonly of: string;
      readonly what: 'lost' | 'reset' | 'expired' | 'skipped';
    };

/** Of one device of a person. */
export interface Journal {
  readonly person: string;
  /** '' for a person with one device. */
  readonly device: string;
  /** Whether it was there to the end, and so must have been shown everything. */
  readonly stayed: boolean;
  readonly entries: readonly JournalEntry[];
}

/** An entry of a stream as the store has it. */
export type LogItem =
  /** `id`: of the entry, by which a finding names it. */
  | { readonly text: string; readonly id?: string }
  /** A change of a group: what, by whom, of whom. */
  | {
      readonly op: string;
      readonly by: string;
      readonly people: readonly string[];
      readonly muted?: boolean;
    };

/** Who is in each group, and whether muted. Key: lane, then person. */
export type Members = ReadonlyMap<string, ReadonlyMap<string, { readonly muted: boolean }>>;
