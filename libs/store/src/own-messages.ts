import { contentFacts, type GroupId, groupStream, type MessageId, type UserId } from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import type { LogScans } from './log-scans.ts';
import { type Entry, entryId, type Position } from './streams.ts';

/** Senders that are remembered over all groups. */
const MAX_SENDERS = 200_000;

/** The part of a group's log that was read: entries `low` to `top`. */
interface ReadPart {
  low: number;
  top: number;
  topId: MessageId;
  /** `n` of the entry below `low`, or a higher number. */
  belowN: number;
  /** Key: sender. Value: `n` of its newest message in this part. */
  readonly newest: Map<UserId, number>;
  /** The reads under way. Further ones wait for them. */
  reading: Promise<unknown>;
}

/**
 * Finds the newest message of a user in a group, since the user has read everything before it. Nobody stores
 * it: a message to a group writes once, however many members read it. So the log is read from its newest
 * entry down to the asker's read mark. One reading serves all users of a group, and the next one reads only
 * what came since.
 */
export class OwnMessages {
  readonly #scans: LogScans;
  /** Key: group. The groups that were asked for least recently are removed. */
  readonly #parts = new LRUCache<GroupId, ReadPart>({
    maxSize: MAX_SENDERS,
    sizeCalculation: ({ newest }) => 1 + newest.size,
  });

  constructor(scans: LogScans) {
    this.#scans = scans;
  }

  /** `n` of the user's newest message in the group if it is above `n`, else `n`. */
  async newest(group: GroupId, user: UserId, position: Position, n: number): Promise<number> {
    if (position.shown <= n) return n;
    const part: ReadPart = this.#parts.get(group) ?? {
      ...endOf(position),
      newest: new Map(),
      reading: Promise.resolve(),
    };
    const reading = part.reading.then(() => this.#readAsFar(group, part, user, position, n));
    part.reading = reading.catch(() => undefined);
    this.#parts.set(group, part);
    await reading;
    // The cache measures the size of a part when it is set.
    this.#parts.set(group, part);
    return Math.max(part.newest.get(user) ?? 0, n);
  }

  /** Reads until the part holds a message of the user above `n`, or all entries above `n`. */
  async #readAsFar(
    group: GroupId,
    part: ReadPart,
    user: UserId,
    position: Position,
    n: number,
  ): Promise<void> {
    const stream = groupStream(group);
    const isDone = (): boolean => part.belowN <= n || (part.newest.get(user) ?? 0) > n;
    if (part.topId !== position.topId || part.top !== position.top) {
      const [last] = await this.#scans.range(stream, part.top, part.top);
      if (last !== undefined && entryId(last) === part.topId)
        await this.#scans.ahead(stream, part.top + 1, (page) => addNewer(part, page));
      else {
        // The log went back, or has lost entries that were read before.
        part.newest.clear();
        Object.assign(part, endOf(position));
      }
    }
    if (isDone()) return;
    await this.#scans.scan(stream, part.low - 1, (page, below) => {
      addOlder(part, page);
      return isDone() ? 0 : below;
    });
    // The log begins here.
    if (!isDone()) part.belowN = 0;
  }
}

/** An empty part at the end of the log. */
const endOf = ({ top, topId, shown }: Position) => ({ low: top + 1, top, topId, belowN: shown });

function addNewer(part: ReadPart, page: readonly Entry[]): true {
  for (const entry of page) {
    part.top = entry.seq;
    part.topId = entryId(entry);
    if (isUnread(entry)) part.newest.set(entry.sender.userId, entry.n);
  }
  return true;
}

function addOlder(part: ReadPart, page: readonly Entry[]): void {
  for (const entry of page.toReversed()) {
    const counts = isUnread(entry);
    part.low = entry.seq;
    part.belowN = counts ? entry.n - 1 : entry.n;
    if (counts && !part.newest.has(entry.sender.userId)) part.newest.set(entry.sender.userId, entry.n);
  }
}

const isUnread = ({ content }: Entry): boolean => contentFacts(content).unread;
