/** Letters: events that a relay keeps beside the feed, because a webhook has not taken them. */

/** As its text has it. */
export interface Letter {
  /** As it is told. */
  readonly event: {
    readonly id: string;
    readonly type: string;
    readonly timestamp: string;
    readonly data: object;
  };
  readonly conversation: string;
  /** How often it has failed. */
  readonly failed: number;
  /** When it is tried next; of a dead one when it died [ms since 1970]. */
  readonly at: number;
  /** It is told no more. */
  readonly dead?: true;
  readonly problem: string;
}

/** @param index which event of the record it is */
export const letterName = (webhook: string, position: number, index: number): string =>
  `${webhook} ${position}.${index}`;
/** Begins the names of all letters of a webhook. */
export const lettersOf = (webhook: string): string => `${webhook} `;
/** Order of two letters of one webhook in one partition. */
export const placeOfLetter = (name: string): number => Number.parseFloat(name.slice(name.indexOf(' ') + 1));
/** @throws {SyntaxError} it is none */
export const letterOf = (text: string): Letter => JSON.parse(text) as Letter;
