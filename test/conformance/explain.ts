import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';

const MOST_CHARACTERS = 400;
const shown = (value: unknown): string => {
  const text = inspect(value, {
    breakLength: Infinity,
    compact: true,
    depth: 6,
    maxStringLength: 100,
    maxArrayLength: 12,
  });
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)} ...`;
};
const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');

/** What was expected and what came, in one line. */
export function explain(error: unknown): string {
  if (!(error instanceof AssertionError))
    return oneLine(error instanceof Error ? error.message : String(error));
  const { generatedMessage, message, operator, expected, actual } = error;
  // Node puts a picture of the difference behind a message that was given.
  const [given = ''] = message.split('\n');
  // `assert.ok` says in its message what was expected.
  if (operator === '==' && !generatedMessage) return oneLine(message);
  const about = generatedMessage ? '' : `${given}: `;
  return `${about}expected ${shown(expected)}, came ${shown(actual)}`;
}
