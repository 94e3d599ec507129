import { cim, type UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';

/** The users whose membership of a group an entry ends; `all`: the group is disbanded. */
export type Leavers = 'all' | readonly UserId[];

/** First bytes of a content of type `member`: it has no texts before its type. */
const MEMBER = Buffer.from(cim.Content.encode({ type: 'member' }).finish());

/** Undefined for an entry that ends no membership. Only servers write entries that do. */
export function leaversOf({ content, sender }: Entry): Leavers | undefined {
  if (
    Buffer.compare(
      Buffer.from(content.buffer, content.byteOffset, Math.min(MEMBER.length, content.length)),
      MEMBER,
    ) !== 0
  )
    return undefined;
  const { op, users } = changeOf(content);
  if (op === 'disband') return 'all';
  if (op !== 'leave' && op !== 'remove') return undefined;
  // A leave names no user: it ends the membership of its sender.
  return users.length === 0 ? [sender.userId] : users;
}

function changeOf(content: Uint8Array): { readonly op: unknown; readonly users: readonly UserId[] } {
  try {
    const { body } = cim.Content.decode(content);
    const { op, users } = JSON.parse(Buffer.from(body).toString('utf8')) as {
      op?: unknown;
      users?: readonly { readonly id?: unknown }[];
    };
    return { op, users: (users ?? []).map(({ id }) => Number(id) as UserId) };
  } catch {
    return { op: undefined, users: [] };
  }
}
