import type { CloseReason, Epoch } from '@cim/protocol';
import type { CurrentSession } from '@cim/store';

/**
 * What the store says of a session that has a channel here: `current`, or the reason for which the channel must close.
 * @param epoch of the session here
 * @param now of its user, read from the store after the session was claimed
 */
export function standingOf(epoch: Epoch, now: CurrentSession): 'current' | CloseReason {
  if (now.state === 'replaced' && now.epoch >= epoch) return 'superseded';
  // A logout takes an epoch of its own. A connection that was lost does not, and has no channel here.
  if (now.state === 'ended' && now.epoch >= epoch) return 'logged-out';
  if (now.epoch > epoch) return 'superseded';
  // The store has lost the session, or its claim: no push would find it. The client comes again.
  if (now.epoch < epoch || now.state !== 'live') return 'unavailable';
  return 'current';
}
