/**
 * Rules for new names beyond those for all names (`parseUserName`). An existing name keeps working, whatever
 * it is.
 */
import type { UserName } from '@cim/protocol';
import { looksOf } from '@cim/store';

/** Names that people would take for the product or for a group of persons. */
const RESERVED: readonly string[] = [
  'admin',
  'administrator',
  'all',
  'anonymous',
  'channel',
  'cim',
  'everybody',
  'everyone',
  'here',
  'moderator',
  'nobody',
  'official',
  'operator',
  'root',
  'security',
  'server',
  'staff',
  'support',
  'system',
];
const RESERVED_LOOKS: ReadonlySet<string> = new Set(RESERVED.flatMap(looksOf));

/**
 * In one line, why the name cannot be registered; undefined when it can, unless another name looks the same.
 */
export function newNameProblem(name: UserName): string | undefined {
  const unseen = /\p{Default_Ignorable_Code_Point}/u.exec(name)?.[0];
  if (unseen !== undefined) return `userName holds a character that nobody can see (${codePoint(unseen)})`;
  const mark = /^\p{M}/u.exec(name)?.[0];
  if (mark !== undefined)
    return `userName begins with a mark that needs a letter before it (${codePoint(mark)})`;
  if (!/[\p{L}\p{Nd}]/u.test(name)) return 'userName has no letter; give it at least one';
  // In the terminal "1001;;hi" is a message to the user with that id.
  if (/^\p{Nd}+$/u.test(name))
    return 'userName is a number, which would be taken for a user id; add a letter';
  if (looksOf(name).some((look) => RESERVED_LOOKS.has(look)))
    return `userName "${name}" is reserved; choose another name`;
  return undefined;
}

const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
