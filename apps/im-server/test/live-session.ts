import assert from 'node:assert/strict';
import { CIM_DEVICE, type InstanceId, parseUserName } from '@cim/protocol';
import type { Store } from '@cim/store';
import type { Session } from '../src/sessions/session.ts';

/**
 * A live session at an instance, both in the store and at the server. `ended` is the reason for which it was
 * closed.
 */
export async function liveSession(
  { accounts, sessions }: Store,
  userName: string,
  instance: InstanceId,
): Promise<Session & { ended: string; endsAt: number }> {
  const name = parseUserName(userName);
  assert.ok(name.ok);
  const { account } = await accounts.register(name.name);
  const user = { userId: account.userId, userName: account.userName };
  await sessions.issue({ user, device: CIM_DEVICE, label: '', instance, policy: 'kick', secretHash: '' });
  const answer = await sessions.claim({ userId: user.userId, instance, userName, claim: userName });
  assert.ok(answer.outcome === 'claimed');
  const session = {
    ...user,
    device: CIM_DEVICE,
    epoch: answer.epoch,
    endsAt: Infinity,
    ended: '',
    deliver: () => 'taken' as const,
    delivered: () => undefined,
    inboxAt: undefined,
    wire: 'own' as const,
    timeline: undefined,
    address: '',
    placeIn: () => undefined,
    recount: () => undefined,
    signal: () => undefined,
    groupsChanged: () => undefined,
    fetchOffline: () => {},
    look: () => {},
    onClosed: () => {},
    close: (reason: string) => {
      session.ended = reason;
    },
  };
  return session;
}
