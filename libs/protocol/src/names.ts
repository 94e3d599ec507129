import type { UserId } from './ids.ts';

/**
 * A user name as it is shown: in Unicode form NFKC, 1 to 32 characters of letters of any script, digits, `_ -
 * .`
 */
export type UserName = string & { readonly __userName: true };

export interface NamedUser {
  readonly userId: UserId;
  readonly userName: string;
}

const ALLOWED = /^[\p{L}\p{M}\p{Nd}_.-]+$/u;

/**
 * NFKC merges at most 4 units into one character, so a text of more than 256 units stays too long. The check
 * also bounds the work of normalize().
 */
export function parseUserName(raw: unknown): { ok: true; name: UserName } | { ok: false; problem: string } {
  if (typeof raw !== 'string') return { ok: false, problem: 'userName is missing or not a text' };
  // NFKC makes a text at most 18 times shorter or longer. A text of more than 256 units cannot become a valid
  // name.
  if (raw.length > 256) return { ok: false, problem: 'userName is longer than 32 characters' };
  const name = raw.normalize('NFKC');
  const length = [...name].length;
  if (length === 0) return { ok: false, problem: 'userName is empty; give 1 to 32 characters' };
  if (length > 32) return { ok: false, problem: `userName has ${length} characters; at most 32 are allowed` };
  if (!ALLOWED.test(name))
    return { ok: false, problem: 'userName may hold letters, digits, "_", "-" and "." only' };
  return { ok: true, name: name as UserName };
}

/**
 * Two names are the same when this is equal: it ignores case. Use the result as a value inside a key, never
 * as a whole key.
 */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase().normalize('NFKC');
