import { CimError } from '@cim/protocol';
import { GROUP_LIMITS } from '@cim/store';

/**
 * Characters that a name must not hold: control characters, line ends, halves of surrogate pairs, and
 * characters that change the direction of the text around them.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
/** Longest raw text that is normalized [UTF-16 units]. */
const LONGEST_RAW = 512;

/**
 * The name of a group as it is stored: trimmed, in Unicode form NFC.
 * @throws {CimError} 3000: the name does not have 1 to 64 characters, or holds control characters
 */
export const groupName = (raw: string): string => labelOf('name', raw, 1, GROUP_LIMITS.nameCharacters);

/**
 * The category of a group as it is stored; '' for none.
 * @throws {CimError} 3000: the category has more than 32 characters, or holds control characters
 */
export const groupCategory = (raw: string): string =>
  labelOf('category', raw, 0, GROUP_LIMITS.categoryCharacters);

function labelOf(field: string, raw: string, least: number, most: number): string {
  const label = raw.length > LONGEST_RAW ? raw : raw.normalize('NFC').trim();
  const length = [...label].length;
  if (length < least || length > most)
    throw new CimError('invalid', `${field} has ${length} characters; give ${least} to ${most}`);
  if (FORBIDDEN.test(label)) throw new CimError('invalid', `${field} must not hold control characters`);
  return label;
}
