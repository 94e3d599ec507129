import { randomInt } from 'node:crypto';

/** Letters that look like no other letter and like no digit: a name that looks like another one is refused. */
const LETTERS = 'abcdefghkpstxyz';

const letters = (count: number): string =>
  Array.from({ length: count }, () => LETTERS[randomInt(LETTERS.length)]).join('');

/** A name that nobody has. */
export const newName = (): string => `check-${letters(12)}`;

/** The producer of a client that has just started: 16 characters. */
export const newProducer = (): string => letters(16);
