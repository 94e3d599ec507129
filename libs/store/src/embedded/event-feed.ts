import { streamName, streamOfName, type StreamRef, type UserId } from '@cim/protocol';
import {
  type EventFeed,
  FEED,
  type FeedEvent,
  type FeedKind,
  type FeedPartition,
  type FeedProgress,
  type FeedRecord,
  type FeedWish,
  type PartitionState,
} from '../event-feed.ts';
import { decodeRow } from './entry-row.ts';
import {
  allLetters,
  allPresent,
  FEED_ON,
  FEED_STATE,
  feedFrom,
  feedKey,
  letterKey,
  positionOfFeed,
  presentKey,
} from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import { decodeRecord } from './record-bytes.ts';
import type { FeedOnRecord, FeedStateRecord, LetterRecord, PresentRecord } from './records.ts';

const ONLY = '0' as FeedPartition;
/** The Redis adapter has this many partitions. Each keeps `FEED.most` records. */
const PARTITIONS = 256;
const READ_BYTES = 4 * 1024 * 1024;
/** Most records that one append removes. */
const TRIM_STEPS = 16;
/** More are cleared by LevelDB by itself, in the background. */
const CLEARED = 1_000;
const EMPTY: FeedStateRecord = { first: 1, top: 0, cursors: {} };

export interface EmbeddedFeedParts {
  /** A time that never goes back [ms]. */
  readonly monotonic: () => number;
  /** ms since 1970. */
  readonly now: () => number;
  /** Whether a device of the user is live at an im-server whose lease is valid. */
  readonly isOnline: (user: UserId) => boolean;
}

/** The event feed as one partition. Leases are in memory, since one process has the folder. */
export class EmbeddedEventFeed implements EventFeed {
  readonly partitions = [ONLY];
  readonly #ledger: Ledger;
  readonly #monotonic: () => number;
  readonly #now: () => number;
  readonly #isOnline: (user: UserId) => boolean;
  /** Key: relay. Value: until when it lives [ms, monotonic]. Removed when it has lapsed. */
  readonly #relays = new Map<string, number>();
  #lease: { readonly relay: string; readonly until: number } | undefined;
  #looks = 0;

  constructor(ledger: Ledger, { monotonic, now, isOnline }: EmbeddedFeedParts) {
    this.#ledger = ledger;
    this.#now = now;
    this.#isOnline = isOnline;
    this.#monotonic = monotonic;
  }

  /** Writes the record of an append, in the same batch. @param row the entry as its log has it */
  write(stream: StreamRef, row: Uint8Array): void {
    const on = this.#ledger.get(FEED_ON);
    if (on?.kinds.includes('messages') === true) this.#add(on, encodeFeedRow(streamName(stream), row));
  }

  /** Whether events of this kind are recorded. */
  records(kind: FeedKind): boolean {
    return this.#ledger.get(FEED_ON)?.kinds.includes(kind) === true;
  }

  /** Writes the record of another event, in the same batch, if events of its kind are recorded. */
  tell(kind: FeedKind, event: FeedEvent): void {
    const on = this.#ledger.get(FEED_ON);
    if (on?.kinds.includes(kind) === true)
      this.#add(on, encodeFeedRow('', Buffer.from(JSON.stringify(event))));
  }

  #add(on: FeedOnRecord, row: Uint8Array): void {
    const state = this.#state;
    const top = state.top + 1;
    const first = Math.min(Math.max(state.first, top - on.most + 1), state.first + TRIM_STEPS);
    for (let position = state.first; position < first; position++) this.#ledger.deleteRow(feedKey(position));
    this.#ledger.putRow(feedKey(top), row);
    this.#ledger.put(FEED_STATE, { ...state, first, top });
  }

  /** Records that the user has come online or gone offline since the last call, in the same batch. */
  tellPresence(user: UserId, name: string): void {
    if (!this.records('presence')) return;
    const was = this.#ledger.get(presentKey(user));
    const isOnline = this.#isOnline(user);
    if (isOnline === (was !== undefined)) return;
    this.#ledger.put(presentKey(user), isOnline ? { user, name } : undefined);
    this.tell('presence', { kind: isOnline ? 'online' : 'offline', user, name, at: this.#now() });
  }

  async sweepPresence(): Promise<void> {
    for (const { user, name } of await this.#present()) this.tellPresence(user, name);
    await this.#ledger.commit();
  }

  async record({ revision, kinds, most }: FeedWish): Promise<void> {
    const present = kinds.includes('presence') && !this.records('presence') ? await this.#present() : [];
    const before = this.#ledger.get(FEED_ON);
    const isNewer = revision >= (before?.revision ?? 0);
    // What is known of users who were online before is out of date.
    if (isNewer && !this.records('presence'))
      for (const { user } of present) this.#ledger.put(presentKey(user), undefined);
    if (isNewer)
      this.#ledger.put(FEED_ON, {
        ...{ revision, kinds },
        most: most === undefined ? (before?.most ?? FEED.most * PARTITIONS) : most * PARTITIONS,
      });
    await this.#ledger.commit();
  }

  announce(relay: string, aliveMs: number): Promise<readonly string[]> {
    return promised(() => {
      const now = this.#monotonic();
      for (const [one, until] of this.#relays) if (until <= now) this.#relays.delete(one);
      this.#relays.set(relay, now + aliveMs);
      return [...this.#relays.keys()].sort();
    });
  }

  withdraw(relay: string): Promise<void> {
    this.#relays.delete(relay);
    return Promise.resolve();
  }

  async take(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<(PartitionState | undefined)[]> {
    // Makes sure that the changes of another relay are on disk.
    await this.#ledger.commit();
    const letters = await this.#letters('');
    return partitions.map(() => {
      const lease = this.#lease;
      const now = this.#monotonic();
      if (lease !== undefined && lease.relay !== relay && lease.until > now) return undefined;
      this.#lease = { relay, until: now + leaseMs };
      return {
        cursors: new Map(Object.entries(this.#state.cursors)),
        letters: new Map(letters),
        look: String(this.#looks),
      };
    });
  }

  renew(
    partitions: readonly FeedPartition[],
    relay: string,
    leaseMs: number,
  ): Promise<(string | undefined)[]> {
    return promised(() =>
      partitions.map(() => {
        if (this.#lease?.relay !== relay) return undefined;
        this.#lease = { relay, until: this.#monotonic() + leaseMs };
        return String(this.#looks);
      }),
    );
  }

  release(_partitions: readonly FeedPartition[], relay: string): Promise<void> {
    if (this.#lease?.relay === relay) this.#lease = undefined;
    return Promise.resolve();
  }

  read(
    asks: readonly { readonly partition: FeedPartition; readonly after: number }[],
    limit: number,
  ): Promise<FeedRecord[][]> {
    return Promise.all(
      asks.map(async ({ after }) => {
        const rows = await this.#ledger.rows(feedFrom(after + 1), limit, READ_BYTES);
        return rows.map(([key, row]) => decodeFeedRow(positionOfFeed(key), row));
      }),
    );
  }

  async commit(_partition: FeedPartition, relay: string, progress: FeedProgress): Promise<boolean> {
    if (this.#lease?.relay !== relay) return false;
    const { cursors = new Map<string, number | undefined>(), trimTo } = progress;
    const state = this.#state;
    const next = { ...state.cursors };
    for (const [receiver, cursor] of cursors)
      if (cursor === undefined) Reflect.deleteProperty(next, receiver);
      else next[receiver] = cursor;
    const first = Math.min(Math.max(state.first, (trimTo ?? 0) + 1), state.top + 1);
    if (first - state.first > CLEARED)
      this.#ledger.clearLater({ gte: feedKey(state.first), lt: feedKey(first) });
    else
      for (let position = state.first; position < first; position++)
        this.#ledger.deleteRow(feedKey(position));
    this.#ledger.put(FEED_STATE, { ...state, first, cursors: next });
    for (const [name, text] of progress.letters ?? []) this.#putLetter(name, text);
    await this.#ledger.commit();
    return true;
  }

  async letters(prefix: string) {
    await this.#ledger.commit();
    return (await this.#letters(prefix)).map(([name, text]) => ({ partition: ONLY, name, text }));
  }

  async changeLetter(
    _partition: FeedPartition,
    name: string,
    from: string,
    to: string | undefined,
  ): Promise<boolean> {
    const isSame = this.#ledger.get(letterKey(name))?.text === from;
    if (isSame) {
      this.#putLetter(name, to);
      this.#looks++;
    }
    await this.#ledger.commit();
    return isSame;
  }

  get #state(): FeedStateRecord {
    return this.#ledger.get(FEED_STATE) ?? EMPTY;
  }

  #putLetter(name: string, text: string | undefined): void {
    this.#ledger.put(letterKey(name), text === undefined ? undefined : { name, text });
  }

  async #present(): Promise<PresentRecord[]> {
    return (await this.#records(allPresent)).map((row) => row as PresentRecord);
  }

  async #letters(prefix: string): Promise<[name: string, text: string][]> {
    return (await this.#records(allLetters))
      .map((record) => record as LetterRecord)
      .flatMap(({ name, text }) => (name.startsWith(prefix) ? [[name, text] as [string, string]] : []));
  }

  /** All records in a range of keys. */
  async #records(range: { readonly gte: string; readonly lt: string }): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let { gte } = range; ; ) {
      const rows = await this.#ledger.rows({ gte, lt: range.lt }, 1_000, READ_BYTES);
      for (const [, row] of rows) found.push(decodeRecord(row));
      const last = rows.at(-1);
      if (last === undefined) return found;
      gte = `${last[0]}\0`;
    }
  }
}

/** Encodes a record: the length of the stream's name, the name, and the row of the log. Without a name: the JSON of another event. */
function encodeFeedRow(stream: string, row: Uint8Array): Uint8Array {
  const name = Buffer.from(stream);
  return Buffer.concat([Buffer.of(name.length), name, row]);
}

/** Decodes a record. @throws {Error} when the row is damaged */
export function decodeFeedRow(position: number, row: Uint8Array): FeedRecord {
  const end = 1 + (row[0] ?? 0);
  const rest = row.subarray(end);
  if (end === 1) {
    const text = Buffer.from(rest).toString();
    return { position, event: JSON.parse(text) as FeedEvent, text };
  }
  const name = Buffer.from(row.subarray(1, end)).toString();
  return { position, stream: streamOfName(name), entry: decodeRow(rest) };
}
