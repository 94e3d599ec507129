import { addressGroup } from '@cim/runtime';
import { type Subject, userSubject } from '@cim/store';
import type { Connection } from './connection.ts';

/** Closes all connections of a suspended user or address. Answers their number. */
export function closeSuspended(
  subject: Subject,
  leftMs: number,
  connections: ReadonlySet<Connection>,
): number {
  const suspended = [...connections].filter(({ session, remoteAddress }) =>
    subject.startsWith('user:')
      ? session !== undefined && userSubject(session.userId) === subject
      : `address:${addressGroup(remoteAddress)}` === subject,
  );
  for (const connection of suspended) connection.close('suspended', leftMs);
  return suspended.length;
}
