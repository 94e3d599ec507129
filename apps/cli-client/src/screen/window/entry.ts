/** What stands in the area of a conversation. */

/** How far an own message has come. */
export type Mark = 'sending' | 'stored' | 'delivered' | 'failed';

/** Something said. All texts are as they came: cleaned where they are drawn. */
export interface Spoken {
  readonly kind: 'said';
  /** ms since 1970. */
  readonly at: number;
  readonly from: string;
  readonly own: boolean;
  readonly text: string;
  /** It is something that the user did, such as joining a group: `text` tells what. */
  readonly event?: true;
  /** Message id; '' while it is not stored. */
  readonly id: string;
  /** Ordinal for the read mark; 0 when there is none. */
  readonly n: number;
  /** Of an own message that this terminal sends: the same at each print of it. */
  readonly key?: number;
  /** The same, as the client numbers it. */
  readonly ref?: number;
  readonly mark?: Mark;
  /** Why it was not sent. */
  readonly why?: string;
  readonly edited?: boolean;
  readonly recalled?: boolean;
  /** By user id. */
  readonly reactions?: ReadonlyMap<number, string>;
}

/** A line of the client itself, with the colours of `Paint`. */
export interface Remark {
  readonly kind: 'remark';
  readonly at: number;
  readonly line: string;
}

export type Entry = Spoken | Remark;

/** What has become of a message that may be on the screen. */
export type Change =
  | { readonly id: string; readonly recalled: true }
  | { readonly id: string; readonly text: string }
  | { readonly id: string; readonly user: number; readonly reaction: string }
  | { readonly ref: number; readonly mark: Mark };

export const isOf = (spoken: Spoken, change: Change): boolean =>
  'ref' in change ? spoken.ref === change.ref : spoken.id === change.id;

export function changed(spoken: Spoken, change: Change): Spoken {
  if ('mark' in change) return { ...spoken, mark: change.mark };
  if ('recalled' in change) return { ...spoken, recalled: true };
  if ('text' in change) return { ...spoken, text: change.text, edited: true };
  const reactions = new Map(spoken.reactions);
  if (change.reaction === '') reactions.delete(change.user);
  else reactions.set(change.user, change.reaction);
  return { ...spoken, reactions };
}
