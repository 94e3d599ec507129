import type { CloseReason, Epoch } from '@cim/protocol';
import type { CurrentSession } from '@cim/store';

/**
 * Decides about a session with a channel here: `current`, or the reason for which the channel must close.
 * @param epoch of the session here
 * @param now the current session of its device, read from the store after the session was claimed
 */
export function standingOf(epoch: Epoch, now: CurrentSession): 'current' | CloseReason {
  if (now.state === 'replaced' && now.epoch >= epoch) return 'superseded';
  // A logout ended the session, under a new epoch or under its own. A session that ended because its
  // connection was lost has no channel here, so this function is not asked about it.
  if (now.state === 'ended' && now.epoch >= epoch) return 'logged-out';
  if (now.epoch > epoch) return 'superseded';
  // The store has lost the session or its claim, so no push would find it. The client logs in again.
  if (now.epoch < epoch || now.state !== 'live') return 'unavailable';
  return 'current';
}
