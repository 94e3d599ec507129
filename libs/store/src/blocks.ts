import type { UserId } from '@cim/protocol';

/** Most users that one user may have blocked at once. */
export const MOST_BLOCKS = 1_000;

/**
 * Blocks of private messages, per user. The append refuses a blocked sender (`blocked`) in the step that
 * would store the message, so a block holds everywhere once it is answered. Stored messages stay. Messages to
 * groups are not affected.
 */
export interface Blocks {
  /** The blocked users, ascending. */
  list(user: UserId): Promise<readonly UserId[]>;
  /** Blocks a user. Idempotent. `full`: the user has blocked as many as it may. */
  block(user: UserId, blocked: UserId): Promise<'ok' | 'full'>;
  /** Unblocks a user. Idempotent. */
  unblock(user: UserId, blocked: UserId): Promise<void>;
}
