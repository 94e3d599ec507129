import { CimError, isUserId, type NamedUser, type UserId } from '@cim/protocol';
import type { Store } from '@cim/store';

/** Finds the user that an operator named by id or name. @throws {CimError} 9100 */
export async function namedUser({ accounts }: Pick<Store, 'accounts'>, text: string): Promise<NamedUser> {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
  const byId = isUserId(id) ? await accounts.byId(id) : undefined;
  const account = byId ?? (await accounts.byName(text));
  if (account === undefined) throw new CimError('unknownAccount', `there is no user ${JSON.stringify(text)}`);
  return account;
}

/** The name of a user; '' when there is none. */
export async function nameOf({ accounts }: Pick<Store, 'accounts'>, user: UserId): Promise<string> {
  return (await accounts.byId(user))?.userName ?? '';
}

export const shownUser = ({ userId, userName }: NamedUser) => ({ id: String(userId), name: userName });
export const isoTime = (ms: number): string => new Date(ms).toISOString();
