import { groupStream, LOBBY, type UserId } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Store } from '@cim/store';

/**
 * Marks the lobby as read up to its end for a new user: messages from before are not unread. If the mark
 * cannot be written, more messages show as unread.
 */
export async function beginLobby(
  { streams, groups }: Pick<Store, 'streams' | 'groups'>,
  user: UserId,
  logger: Logger,
): Promise<void> {
  try {
    const { shown } = await streams.position(groupStream(LOBBY));
    if (shown > 0) await groups.mark(user, LOBBY, shown);
  } catch (error) {
    logger.warn({ err: error, userId: user }, 'account.lobby-not-marked');
  }
}
