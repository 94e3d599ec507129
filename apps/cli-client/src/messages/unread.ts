import type { CimClient } from '@cim/client/node';
import { LOBBY_CONVERSATION, type Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';
import { PAGE_ITEMS } from './all-pages.ts';
import type { Directory } from './directory.ts';

const UNREAD_NAMED = 10;
/** Conversations that a full screen has from its start. */
const OPENED = 9;

/**
 * Tells which conversations have unread messages. A full screen opens an area for each of them, and for some of the newest.
 * Called once, after the first connect.
 */
export async function tellUnread(parts: {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly directory: Directory;
}): Promise<void> {
  const { client, view, screen, directory } = parts;
  await directory.groups.refresh();
  const { items } = await client.conversations({ limit: PAGE_ITEMS });
  if (screen.full) {
    for (const [at, { id, name, unread, n }] of items.entries())
      if (at < OPENED || unread > 0)
        screen.learn({ conversation: id, title: titleOfItem(id, name) }, { unread: { count: unread, n } });
    return;
  }
  const unread = items.filter((one) => one.unread > 0);
  if (unread.length === 0) return;
  const named = unread
    .slice(0, UNREAD_NAMED)
    .map(({ id, name, unread: n }) => `${titleOfItem(id, name)} ${n}`);
  const more = unread.length > UNREAD_NAMED ? `, and ${unread.length - UNREAD_NAMED} more` : '';
  screen.print(view.notice(`unread: ${named.join(', ')}${more}`));
}

const titleOfItem = (id: string, name: string): string =>
  id === LOBBY_CONVERSATION ? 'everybody' : id.startsWith('g') ? `#${name}` : name;
