import { CimError } from '@cim/protocol';
import { GROUP_LIMITS } from '@cim/store';

/** Control characters, line ends, halves of characters, and what turns the direction of the text around it. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
/** Normalizing makes a text at most three times as long. */
const LONGEST_RAW = 512;

/**
 * The name of a group as it is stored: trimmed, NFC.
 * @throws {CimError} 3000: it has not 1 to 64 characters, or has control characters
 */
export const groupName = (raw: string): string => labelOf('name', raw, 1, GROUP_LIMITS.nameCharacters);

/**
 * The category of a group as it is stored; '' for none.
 * @throws {CimError} 3000: it has more than 32 characters, or control characters
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
