/** The acts and observations of the people in a run, in order. */

/**
 * The content of a text: its sender, its lane, and its number on that lane. A lane is a recipient's name,
 * `lobby`, or a group's lane.
 */
export interface Payload {
  /** A person, or one device of a person (`voiceOf`). */
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

/** The name of one device of a person. A person with a single device has the device ''. */
export const voiceOf = (person: string, device: string): string =>
  device === '' ? person : `${person}/${device}`;
/** The person of a voice. */
export const personOf = (voice: string): string => voice.split('/', 1)[0] ?? voice;

/** The lane of a group with members. Lanes of people never begin like this. */
export const groupLane = (n: number): string => `group-${n}`;
export const isGroupLane = (lane: string): boolean => lane.startsWith('group-');
export const isPrivate = (lane: string): boolean => lane !== 'lobby' && !isGroupLane(lane);

/** A requested change of the members of a group. */
export interface Change {
  readonly group: string;
  readonly op: 'in' | 'out' | 'mute' | 'unmute';
  readonly person: string;
}

export type JournalEntry =
  /** `at` is the moment [ms], on one clock for all journals. Two events of the same moment have no order. */
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
      /** The text as it came; the checker reads its payload. */
      readonly text: string;
      readonly from: string;
      /** `inbox`, or the lane of the lobby or a group. */
      readonly stream: string;
      /** The other side of its conversation, as the SDK named it: a person, or the lane of a group. */
      readonly conversation?: string;
    }
  /** The SDK has said that the store lost something: of this lane for a sender, of this stream for a recipient. */
  | {
      readonly did: 'was-told';
      readonly of: string;
      readonly what: 'lost' | 'reset' | 'expired' | 'skipped';
    };

/** The journal of one device of a person. */
export interface Journal {
  readonly person: string;
  /** '' for a person with a single device. */
  readonly device: string;
  /** Whether the device was there to the end, so that it must have been shown everything. */
  readonly stayed: boolean;
  readonly entries: readonly JournalEntry[];
}

/** An entry of a stream as the store has it. */
export type LogItem =
  /** `id` is the id of the entry, by which a finding names it. */
  | { readonly text: string; readonly id?: string }
  /** A change of a group: what, by whom, of whom. */
  | {
      readonly op: string;
      readonly by: string;
      readonly people: readonly string[];
      readonly muted?: boolean;
    };

/** Key: lane, then person. The members of each group, and whether they are muted. */
export type Members = ReadonlyMap<string, ReadonlyMap<string, { readonly muted: boolean }>>;
