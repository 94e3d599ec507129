import type { UserId } from './ids.ts';

/** A user name as it is shown: NFKC, 1 to 32 characters: letters of any script, digits, `_ - .` */
export type UserName = string & { readonly __userName: true };

export interface NamedUser {
  readonly userId: UserId;
  readonly userName: string;
}

const ALLOWED = /^[\p{L}\p{M}\p{Nd}_.-]+$/u;

/** The name in its canonical form, or what is wrong with it, in words for a person. */
export function parseUserName(raw: unknown): { ok: true; name: UserName } | { ok: false; problem: string } {
  if (typeof raw !== 'string') return { ok: false, problem: 'userName is missing or not a text' };
  // NFKC grows a character at most 18-fold; what is this long before it cannot be a name after it.
  if (raw.length > 256) return { ok: false, problem: 'userName is longer than 32 characters' };
  const name = raw.normalize('NFKC');
  const length = [...name].length;
  if (length === 0) return { ok: false, problem: 'userName is empty; give 1 to 32 characters' };
  if (length > 32) return { ok: false, problem: `userName has ${length} characters; at most 32 are allowed` };
  if (!ALLOWED.test(name))
    return { ok: false, problem: 'userName may hold letters, digits, "_", "-" and "." only' };
  return { ok: true, name: name as UserName };
}

/** What makes two names the same: case is ignored. A value, never a key by itself. */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase().normalize('NFKC');
