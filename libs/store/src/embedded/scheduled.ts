import { type ProducerId, streamName, streamOfName, type UserId } from '@cim/protocol';
import {
  byTime,
  type ClaimedMessage,
  type ListedMessage,
  type NewScheduled,
  type Refusal,
  SCHEDULE,
  type ScheduleAnswer,
  type ScheduleCount,
  type Scheduled,
  scheduleDigest,
  type ScheduledMessage,
} from '../scheduled.ts';
import {
  dueAfter,
  dueBetween,
  dueKey,
  expiryKey,
  nameOfDue,
  SCHEDULED_COUNT,
  scheduledContentKey,
  scheduledContents,
  scheduledKey,
  scheduledKeyKey,
} from './keys.ts';
import type { Ledger } from './ledger.ts';
import { decodeRecord, encodeRecord } from './record-bytes.ts';
import type { ScheduledContentRecord, ScheduledRow } from './records.ts';

/** Most due messages that are counted. */
const COUNTED = 1_000;
const READ_BYTES = 4 * 1024 * 1024;
const NOTHING: ScheduleCount = { waiting: 0, due: 0, lateMs: 0, ready: false, nextMs: undefined };

/**
 * Scheduled messages. Each user has a record of its messages. Each message has a row with its content, and a
 * row under the time at which something is to be done about it. Claims are in memory: they end with the
 * process, which alone has the folder.
 */
export class EmbeddedScheduled implements Scheduled {
  readonly #ledger: Ledger;
  readonly #clock: () => number;
  readonly #monotonic: () => number;
  readonly #skewMs: () => number;
  /**
   * Key: id of a message. Value: when its claim lapses [ms, monotonic]. Removed when the message is settled.
   */
  readonly #claims = new Map<ProducerId, number>();

  /**
   * @param clock ms since 1970
   * @param monotonic ms
   */
  constructor(ledger: Ledger, clock: () => number, monotonic: () => number, skewMs: () => number = () => 0) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#monotonic = monotonic;
    this.#skewMs = skewMs;
  }

  async add(message: NewScheduled): Promise<ScheduleAnswer> {
    const { id, sender, to, content, when, key, most } = message;
    const user = sender.userId;
    const now = this.#now();
    const digest = scheduleDigest(message);
    const keyed = key === undefined ? undefined : scheduledKeyKey(user, key);
    const before = keyed && this.#ledger.get(keyed);
    if (before !== undefined && before.until > now) {
      await this.#ledger.commit();
      if (before.digest !== digest) return { outcome: 'conflict' };
      return { outcome: 'ok', id: before.id, sendAt: before.sendAt };
    }
    const sendAt = 'at' in when ? when.at : now + when.afterMs;
    if (sendAt < now - SCHEDULE.passedMs || sendAt > now + SCHEDULE.aheadMs) return { outcome: 'time', now };
    if (this.#rows(user).length >= most && !this.#makeRoom(user)) return { outcome: 'full' };
    this.#write(user, [...this.#rows(user), { id, sendAt, tried: 0 }], 1, 0);
    this.#ledger.putRow(
      scheduledContentKey(user, id),
      encodeRecord({
        sender: sender.userName,
        to: streamName(to),
        content: Buffer.from(content).toString('base64'),
      } satisfies ScheduledContentRecord),
    );
    this.#ledger.putRow(dueKey(sendAt, user, id), encodeRecord({}));
    if (keyed !== undefined) {
      const until = now + SCHEDULE.keyMs;
      this.#ledger.put(keyed, { id, sendAt, digest, until });
      this.#ledger.putRow(expiryKey(until, keyed), encodeRecord({}));
    }
    await this.#ledger.commit();
    return { outcome: 'ok', id, sendAt };
  }

  async list(user: UserId): Promise<readonly ListedMessage[]> {
    // Waits, so that everything begun before is on disk, or is lost.
    await this.#ledger.commit();
    const states = new Map(this.#rows(user).map((row) => [row.id, row]));
    const listed: ListedMessage[] = [];
    for (let { gte, lt } = scheduledContents(user); ; ) {
      const contents = await this.#ledger.rows({ gte, lt }, COUNTED, READ_BYTES);
      for (const [key, bytes] of contents) {
        const row = states.get(key.slice(key.lastIndexOf(':') + 1) as ProducerId);
        if (row === undefined) continue;
        const { tried, refused } = row;
        const message = messageOf(user, row, bytes);
        listed.push({ ...message, sending: tried > 0 && refused === undefined, ...(refused && { refused }) });
      }
      const last = contents.at(-1);
      if (last === undefined) break;
      gte = `${last[0]}\0`;
    }
    return listed.sort(byTime);
  }

  async cancel(user: UserId, id: ProducerId): Promise<'cancelled' | 'sending' | 'none'> {
    const row = this.#find(user, id);
    const answer =
      row === undefined ? 'none' : row.tried > 0 && row.refused === undefined ? 'sending' : 'cancelled';
    if (row !== undefined && answer === 'cancelled') this.#remove(user, row);
    await this.#ledger.commit();
    return answer;
  }

  async count(): Promise<ScheduleCount> {
    const now = this.#now();
    const come = await this.#ledger.rows(dueBetween(0, now + 1), COUNTED, READ_BYTES);
    const [later] = await this.#ledger.rows(dueAfter(now + 1), 1, READ_BYTES);
    // Nothing relies on the counter, since a mended folder may have lost it.
    if (come.length === 0 && later === undefined) return NOTHING;
    const waiting = Math.max(0, this.#ledger.committed(SCHEDULED_COUNT)?.waiting ?? 0);
    let [due, oldest, ready] = [0, now, false];
    for (const [key] of come) {
      const { at, user, id } = nameOfDue(key);
      if (!this.#isClaimed(id)) ready = true;
      if (this.#find(user, id)?.refused !== undefined) continue;
      due++;
      oldest = Math.min(oldest, at);
    }
    const nextMs = later && nameOfDue(later[0]).at - now;
    return { waiting, due, lateMs: now - oldest, ready, nextMs };
  }

  async claim(limit: number): Promise<readonly ClaimedMessage[]> {
    const now = this.#now();
    const range = dueBetween(0, now + 1);
    const claimed: ClaimedMessage[] = [];
    for (const [key] of await this.#ledger.rows(range, limit + this.#claims.size, READ_BYTES)) {
      if (claimed.length === limit) break;
      const { user, id } = nameOfDue(key);
      const row = this.#find(user, id);
      if (row === undefined) this.#ledger.deleteRow(key);
      else if (row.refused !== undefined) {
        // A message that was refused while the rows were read stays listed.
        if (dueOf(user, row) === key) this.#remove(user, row);
      } else if (!this.#isClaimed(id)) {
        const content = this.#ledger.row(scheduledContentKey(user, id));
        if (content === undefined) {
          // Only in a mended folder: the content was lost, so there is nothing to send.
          this.#remove(user, row);
          continue;
        }
        this.#claims.set(id, this.#monotonic() + this.#skewMs() + SCHEDULE.leaseMs);
        const triedMs = row.tried === 0 ? undefined : Math.max(0, now - row.tried);
        claimed.push({ ...messageOf(user, row, content), triedMs });
        if (row.tried === 0) this.#replace(user, { ...row, tried: now });
      }
    }
    await this.#ledger.commit();
    return claimed;
  }

  async sent(user: UserId, id: ProducerId): Promise<void> {
    const row = this.#find(user, id);
    if (row !== undefined) this.#remove(user, row);
    await this.#ledger.commit();
  }

  async refuse(user: UserId, id: ProducerId, { code, text }: Refusal): Promise<boolean> {
    const row = this.#find(user, id);
    const settles = row !== undefined && row.refused === undefined;
    if (settles) {
      const at = this.#now();
      const rows = this.#rows(user).map((one) =>
        one.id === id ? { ...row, refused: { at, code, text } } : one,
      );
      this.#write(user, rows, -1, 1);
      this.#claims.delete(id);
      this.#ledger.deleteRow(dueKey(row.sendAt, user, id));
      this.#ledger.putRow(dueKey(at + SCHEDULE.refusedMs, user, id), encodeRecord({}));
    }
    await this.#ledger.commit();
    return settles;
  }

  /** Removes a refused message, so that another one has room. */
  #makeRoom(user: UserId): boolean {
    let oldest: ScheduledRow | undefined;
    for (const row of this.#rows(user))
      if (row.refused !== undefined && row.refused.at < (oldest?.refused?.at ?? Infinity)) oldest = row;
    if (oldest !== undefined) this.#remove(user, oldest);
    return oldest !== undefined;
  }

  #remove(user: UserId, row: ScheduledRow): void {
    const { id, refused } = row;
    const left = this.#rows(user).filter((row) => row.id !== id);
    if (refused === undefined) this.#write(user, left, -1, 0);
    else this.#write(user, left, 0, -1);
    this.#claims.delete(id);
    this.#ledger.deleteRow(scheduledContentKey(user, id));
    this.#ledger.deleteRow(dueOf(user, row));
  }

  #replace(user: UserId, row: ScheduledRow): void {
    const rows = this.#rows(user).map((one) => (one.id === row.id ? row : one));
    this.#write(user, rows, 0, 0);
  }

  /** @param waits change of the number of waiting messages */
  #write(user: UserId, messages: readonly ScheduledRow[], waits: number, refused: number): void {
    this.#ledger.put(scheduledKey(user), messages.length === 0 ? undefined : { messages });
    const count = this.#ledger.get(SCHEDULED_COUNT) ?? { waiting: 0, refused: 0 };
    if (waits !== 0 || refused !== 0)
      this.#ledger.put(SCHEDULED_COUNT, { waiting: count.waiting + waits, refused: count.refused + refused });
  }

  #rows(user: UserId): readonly ScheduledRow[] {
    return this.#ledger.get(scheduledKey(user))?.messages ?? [];
  }

  #find(user: UserId, id: ProducerId): ScheduledRow | undefined {
    return this.#rows(user).find((row) => row.id === id);
  }

  #isClaimed(id: ProducerId): boolean {
    return (this.#claims.get(id) ?? -Infinity) > this.#monotonic() + this.#skewMs();
  }

  #now(): number {
    return this.#clock() + this.#skewMs();
  }
}

/** When the message is to be sent or, if it was refused, forgotten. */
const dueOf = (user: UserId, { id, sendAt, refused }: ScheduledRow): string =>
  dueKey(refused === undefined ? sendAt : refused.at + SCHEDULE.refusedMs, user, id);

function messageOf(user: UserId, { id, sendAt }: ScheduledRow, bytes: Uint8Array): ScheduledMessage {
  const { sender, to, content } = decodeRecord(bytes) as ScheduledContentRecord;
  return {
    ...{ id, sendAt },
    sender: { userId: user, userName: sender },
    to: streamOfName(to),
    content: Buffer.from(content, 'base64'),
  };
}
