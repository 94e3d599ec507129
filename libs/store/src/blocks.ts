import type { UserId } from '@cim/protocol';

/** Users whom one user may have blocked at once. */
export const MOST_BLOCKS = 1_000;

/**
 * Whose private messages a user does not take. The append refuses them (`blocked`) in the step that would store them, so that a
 * block holds everywhere once it is answered. What is stored already stays. Messages to groups are not affected.
 */
export interface Blocks {
  /** Ascending. */
  list(user: UserId): Promise<readonly UserId[]>;
  /** Idempotent. `full`: the user has blocked as many as may be. */
  block(user: UserId, blocked: UserId): Promise<'ok' | 'full'>;
  /** Idempotent. */
  unblock(user: UserId, blocked: UserId): Promise<void>;
}
