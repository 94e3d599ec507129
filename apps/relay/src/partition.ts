/** A partition of the feed of which this relay has the lease. It has a place for each webhook. */
import {
  type EventFeed,
  type FeedPartition,
  type FeedRecord,
  lettersOf,
  type PartitionState,
  type Webhook,
} from '@cim/store';
import { HookPlace, type PlaceParts } from './hook-place.ts';

export interface PartitionParts {
  readonly feed: Pick<EventFeed, 'commit'>;
  readonly relay: string;
  readonly placeParts: (webhook: Webhook) => PlaceParts;
  /** Called when records were dropped that the webhook has not read. */
  readonly lost: (webhook: Webhook, records: number, why: 'too many' | 'too old') => void;
}

const NO_LETTERS: PartitionState['letters'] = new Map();
/** Trims every record. */
const ALL = Number.MAX_SAFE_INTEGER - 1;

export class Partition {
  readonly id: FeedPartition;
  look: string;
  readonly #parts: PartitionParts;
  /** Key: id of a webhook. */
  readonly #places = new Map<string, HookPlace>();
  /** Cursors as they were when the partition was taken. One is removed with its webhook, which may come back under its id. */
  readonly #cursors: Map<string, number>;
  readonly #letters: PartitionState['letters'];
  /** Key: id of a webhook that was removed. Value: its letters, which are to be removed with its cursor. */
  readonly #gone = new Map<string, readonly string[]>();
  #newest: FeedRecord | undefined;
  /** The newest record that was read when the last commit was written. */
  #checked: FeedRecord | undefined;
  #trimmed = 0;
  /** Records up to this position are too old. */
  #old = 0;
  /** Position of the newest record when the list of webhooks was asked for. */
  #newestBefore = 0;
  /** Records up to this position were stored before any webhook that is not in the list was made. */
  #needless = 0;
  #committing: Promise<boolean> | undefined;

  constructor(id: FeedPartition, state: PartitionState, parts: PartitionParts) {
    this.id = id;
    this.look = state.look;
    this.#cursors = new Map(state.cursors);
    this.#letters = state.letters;
    this.#parts = parts;
    for (const id of state.cursors.keys())
      this.#gone.set(
        id,
        [...state.letters.keys()].filter((name) => name.startsWith(lettersOf(id))),
      );
  }

  /** @param id of a webhook */
  placeOf(id: string): HookPlace | undefined {
    return this.#places.get(id);
  }

  /** The list of webhooks will be asked for. */
  beforeList(): void {
    this.#newestBefore = this.#newest?.position ?? 0;
  }

  /** The list was answered, and this partition has its webhooks. */
  afterList(): void {
    this.#needless = this.#newestBefore;
  }

  /** Takes the list of webhooks as it is now. A webhook that was changed stays in its place. */
  setWebhooks(webhooks: readonly Webhook[]): void {
    const ids = new Set(webhooks.map(({ id }) => id));
    for (const id of this.#cursors.keys()) if (!ids.has(id)) this.#cursors.delete(id);
    for (const [id, place] of this.#places) {
      if (ids.has(id)) continue;
      place.end();
      this.#places.delete(id);
      this.#gone.set(id, [...place.names]);
    }
    // No webhook needs a record any more, so everything may be trimmed again.
    if (this.#places.size === 0) this.#trimmed = 0;
    for (const webhook of webhooks) {
      const before = this.#places.get(webhook.id);
      if (before === undefined) {
        const cursor = this.#cursors.get(webhook.id);
        if (cursor !== undefined) this.#gone.delete(webhook.id);
        const letters = cursor === undefined ? NO_LETTERS : this.#letters;
        const place = new HookPlace(webhook, cursor, letters, this.#parts.placeParts(webhook));
        this.#places.set(webhook.id, place);
      } else before.webhook = webhook;
    }
  }

  /** Takes letters that somebody else has changed. */
  lookAt(state: PartitionState): void {
    this.look = state.look;
    for (const place of this.#places.values()) place.look(state.letters);
  }

  /** The positions behind which places want records. */
  get wanted(): ReadonlySet<number> {
    const wanted = new Set<number>();
    for (const place of this.#places.values()) if (place.wantsMore) wanted.add(place.readTo);
    return wanted;
  }

  /** Takes the records that were read behind a position. */
  async take(after: number, records: readonly FeedRecord[]): Promise<void> {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    for (const place of this.#places.values()) {
      if (place.readTo !== after || !place.wantsMore) continue;
      if (after > 0 && first.position > after + 1)
        this.#parts.lost(place.webhook, first.position - after - 1, 'too many');
      await place.take(records);
    }
    if (last.position > (this.#newest?.position ?? 0)) this.#newest = last;
  }

  /**
   * Gives up the records up to this position, which are too old, but for those that a place has room for and reads next.
   * What was read of them is still sent. Answers whether it has given up further ones.
   */
  giveUp(position: number): boolean {
    const places = [...this.#places.values()];
    const next = places.flatMap((place) => (place.wantsMore ? [place.readTo] : []));
    const upTo = Math.min(position, ...next);
    if (upTo <= this.#old) return false;
    this.#old = upTo;
    for (const place of places) {
      const lost = place.skipTo(upTo);
      if (lost > 0) this.#parts.lost(place.webhook, lost, 'too old');
    }
    return true;
  }

  /**
   * Writes cursors and letters, and trims the feed. Answers false when another relay has the partition, or
   * when the store has lost records.
   * @throws when the store does not answer
   */
  commit(): Promise<boolean> {
    this.#committing ??= this.#commit().finally(() => (this.#committing = undefined));
    return this.#committing;
  }

  async #commit(): Promise<boolean> {
    const cursors = new Map<string, number | undefined>();
    const letters = new Map<string, string | undefined>();
    const written: [HookPlace, ReadonlyMap<string, string | undefined>][] = [];
    const gone = [...this.#gone];
    for (const [id, names] of gone) {
      cursors.set(id, undefined);
      for (const name of names) letters.set(name, undefined);
    }
    let least = this.#places.size === 0 ? ALL : Infinity;
    for (const [id, place] of this.#places) {
      least = Math.min(least, place.cursor);
      const progress = place.progress();
      if (progress === undefined) continue;
      written.push([place, progress.letters]);
      cursors.set(id, progress.cursor);
      for (const [name, text] of progress.letters) letters.set(name, text);
    }
    // The newest record stays, so that the next commit can check that the store still has it. Others stay until
    // the list of webhooks has been read once more, since a webhook may be new that gets them.
    const done = Math.min(least, (this.#newest?.position ?? 0) - 1, this.#needless);
    const trimTo = least === ALL ? ALL : Math.max(done, this.#old);
    if (cursors.size === 0 && letters.size === 0 && trimTo <= this.#trimmed) return true;
    const newest = this.#newest;
    try {
      const isOurs = await this.#parts.feed.commit(this.id, this.#parts.relay, {
        ...{ cursors, letters, check: this.#checked },
        trimTo: trimTo > this.#trimmed ? trimTo : undefined,
      });
      if (!isOurs) return false;
      for (const [id] of gone) this.#gone.delete(id);
      // Nothing is left that the next commit could check.
      const isGone = trimTo >= (newest?.position ?? 0);
      if (isGone && this.#newest === newest) this.#newest = undefined;
      this.#checked = isGone ? undefined : newest;
      this.#trimmed = Math.max(this.#trimmed, trimTo);
      return true;
    } catch (error) {
      for (const [place, of] of written) place.notWritten(of);
      throw error;
    }
  }

  end(): void {
    for (const place of this.#places.values()) place.end();
  }
}
