import type { MessageId, Seq, UserId } from '@cim/protocol';
import type { ConversationRow, ConversationRows, SavedConversations } from '../conversation-rows.ts';
import type { Cursor } from '../streams.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

const CALL_VALUES = 1_000;

/**
 * KEYS conversations of a user. ARGV revision, seq and id of the last folded entry, then peer and row of
 * each. Answers 1 when it has saved them.
 */
const SAVE = new Script(`
local before = redis.call('HGET', KEYS[1], 'revision') or '0'
if before ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'revision', string.format('%d', before + 1), 'seq', ARGV[2], 'id', ARGV[3])
-- Lua takes some thousands of arguments at most.
for i = 4, #ARGV, ${CALL_VALUES} do
  redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + ${CALL_VALUES} - 1, #ARGV)))
end
return 1`);

/**
 * Conversation rows as one hash per user: peer → row, `revision`, and `seq` and `id` of the last folded
 * entry.
 */
export class RedisConversationRows implements ConversationRows {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async load(user: UserId): Promise<SavedConversations> {
    const fields = await this.#link.ask((redis) => redis.hgetall(key.conversations(user)));
    const { revision = '0', seq = '0', id = '', ...rows } = fields;
    return {
      revision: Number(revision),
      folded: { seq: Number(seq) as Seq, id: id as MessageId },
      rows: Object.entries(rows).map(([peer, row]) => parseRow(peer, row)),
    };
  }

  async save(
    user: UserId,
    revision: number,
    folded: Cursor,
    rows: readonly ConversationRow[],
  ): Promise<boolean> {
    const args = [revision, folded.seq, folded.id, ...rows.flatMap((row) => [row.peer, formatRow(row)])];
    return (await this.#commit.run(SAVE, [key.conversations(user)], args)) === 1;
  }
}

const formatRow = ({ lastSeq, lastAt, lastN, unread, read, peerName }: ConversationRow): string =>
  `${lastSeq} ${lastAt} ${lastN} ${unread} ${read} ${peerName}`;

function parseRow(peer: string, row: string): ConversationRow {
  const [lastSeq, lastAt, lastN, unread, read] = row.split(' ', 5).map(Number);
  let name = 0;
  for (let i = 0; i < 5; i++) name = row.indexOf(' ', name) + 1;
  return {
    peer: Number(peer) as UserId,
    peerName: row.slice(name),
    lastSeq: (lastSeq ?? 0) as Seq,
    lastAt: lastAt ?? 0,
    lastN: lastN ?? 0,
    unread: unread ?? 0,
    read: read ?? 0,
  };
}
