import { parseUserName } from '@cim/protocol';
import { HASH } from './arguments.ts';
import { brief, type Command, unsent } from './command.ts';
import { withEmoji } from './emoji.ts';
import { parseCommand } from './table.ts';

/** Whether somebody of that name has been met. */
type IsKnown = (name: string) => boolean;

/** A text that begins with a short name is a text. */
const LEADING_EMOJI = /^:[a-z_]+:/;
/** Blanks, and what no eye sees: a command behind them is a command. */
const UNSEEN_START = /^[\s\p{Cc}\p{Cf}]+/u;
/** As other keyboards write them: full-width, small, and the Greek, Arabic and reversed semicolon. */
const COLONS = /^[:\uff1a\ufe55\ufe13]+/;
const SLASH = /^[/\uff0f]/;
const SEMICOLONS = /[\uff1b\ufe54\u037e\u061b\u204f]/g;

/**
 * What a line means. A line that was meant as a command, or for one person, is never said to everybody: when it is
 * not understood it is a problem.
 * @param isKnown tells a list of names from words of a text; without it only one word before a `;` can be a name
 */
export function parseLine(line: string, isKnown: IsKnown = () => false): Command {
  const trimmed = line
    .replace(UNSEEN_START, '')
    .trimEnd()
    .replace(COLONS, (colons) => ':'.repeat(colons.length));
  if (trimmed === '') return { kind: 'nothing' };
  if (SLASH.test(trimmed)) {
    const [name = ''] = trimmed.split(/\s/, 1);
    return unsent(`"${brief(name)}" is no command: they begin with ":", and ":all" lists them`, trimmed);
  }
  if (trimmed.startsWith('::')) return { kind: 'here', text: withEmoji(trimmed.slice(1)) };
  if (trimmed.startsWith(':') && !(LEADING_EMOJI.test(trimmed) && withEmoji(trimmed) !== trimmed))
    return parseCommand(trimmed, (other) => parseLine(other, isKnown));
  return parseText(trimmed, isKnown);
}

function parseText(line: string, isKnown: IsKnown): Command {
  const plain = line.replace(SEMICOLONS, ';');
  // At the first: a text may hold more of them.
  const at = plain.indexOf(';;');
  if (at < 0)
    return oneSemicolon(line, plain.indexOf(';'), isKnown) ?? { kind: 'here', text: withEmoji(line) };
  const to = line.slice(0, at).trim();
  const text = line.slice(at + 2).trim();
  if (HASH.test(to)) {
    const group = to.slice(1).trim();
    if (group === '') return unsent('what stands before ";;" is no group', line);
    if (text === '')
      return { kind: 'problem', unsent: true, text: `not sent: nothing stands after "${to};;"` };
    return { kind: 'members-only', group, text: withEmoji(text) };
  }
  const name = parseUserName(to);
  if (!name.ok) return unsent('what stands before ";;" is no name or id', line);
  if (text === '') return { kind: 'problem', unsent: true, text: `not sent: nothing stands after "${to};;"` };
  return { kind: 'private', to: name.name, text: withEmoji(text) };
}

/**
 * `bob; hi` is a private message with a `;` missing, so it is not said to everybody. `that is right; go on` is a text:
 * more than one word stands before the `;`, and not all of them are names of people met. So are `fine ;)` and `done;`.
 */
function oneSemicolon(line: string, at: number, isKnown: IsKnown): Command | undefined {
  if (at < 0) return undefined;
  const text = line.slice(at + 1).trim();
  if (text === '' || /^-?[()](?:\s|$)/.test(text)) return undefined;
  const names = line
    .slice(0, at)
    .split(/[\s,，、@&+]/)
    .filter((word) => word !== '');
  const areNames = names.length === 1 ? parseUserName(names[0]).ok : names.length > 0 && names.every(isKnown);
  if (!areNames) return undefined;
  const meant = names.map((name) => `"${brief(name)};;${brief(text)}"`).join(', ');
  return unsent(`one ";" sends to nobody alone; for a private message type ${meant}`, line);
}
