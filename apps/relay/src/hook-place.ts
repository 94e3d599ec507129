/**
 * The place of one webhook in one partition of the feed. The webhook needs no record up to its cursor any
 * more: each event there was delivered, does not concern the webhook, or is a letter. Letters are in the
 * store, beside the feed. So an event that fails for hours does not hold up the feed, and after a restart the
 * relay goes on behind the cursor.
 */
import {
  type FeedRecord,
  type Letter,
  letterName,
  letterOf,
  lettersOf,
  placeOfLetter,
  timeOfRecord,
  type Webhook,
} from '@cim/store';
import type { Away } from './away.ts';
import { eventsOf, type RelayEvent, type Told } from './events.ts';
import { HELD_AFTER, type Item, type ItemOwner, type Sender } from './sender.ts';
import { wants } from './wishes.ts';

/** Most records that are read and not finished. */
const WINDOW = 1_000;
/** Most letters of a webhook in a partition. Further events wait in the feed. */
const LETTERS = 2_000;
/** Most letters of a webhook in all partitions of a relay. */
const LETTERS_OF_ALL = 20_000;
/** A new webhook also gets the events of the minute before it was made, since clocks differ. */
const BEFORE_MS = 60_000;

interface Read {
  readonly position: number;
  /** Number of its events that are neither delivered nor letters. */
  open: number;
}

/** An event of this place. */
interface OwnItem extends Item {
  readonly name: string;
  /** The record that the event is from; undefined for an event of a letter. */
  readonly read: Read | undefined;
  isLetter: boolean;
  ended: boolean;
}

export interface PlaceParts {
  readonly sender: Sender;
  readonly now: () => number;
  readonly away: Pick<Away, 'isAway' | 'of'>;
  /** Number of letters of the webhook in all partitions of this relay. */
  readonly lettersOfAll: () => number;
  /** Called when there is something to write. */
  readonly changed: () => void;
  readonly observe: (outcome: 'parked' | 'dead' | 'dropped') => void;
}

export class HookPlace implements ItemOwner {
  /** The newest version of the webhook. */
  webhook: Webhook;
  readonly #parts: PlaceParts;
  readonly #window: Read[] = [];
  /** Events that are neither delivered nor dead. */
  readonly #items = new Set<OwnItem>();
  /** Key: name. Letters that wait; a letter is removed when it is delivered or dies. */
  readonly #letters = new Map<string, OwnItem>();
  /** Names of all letters that the store has, or will have after the next write. */
  readonly #names = new Set<string>();
  /**
   * Key: name of a letter whose record lies behind the cursor that the place began with, so that it is read
   * once more. Value: id of its event.
   */
  readonly #ahead = new Map<string, string>();
  /** Number of dead letters in the store. */
  #dead = 0;
  /** Key: name of a letter. Value: its text to write; undefined: the letter is to be removed. */
  #dirty = new Map<string, string | undefined>();
  #readTo: number;
  #written: number;
  /**
   * Events stored before this time are not sent [ms since 1970]. It matters only when the webhook had no
   * cursor yet.
   */
  readonly #since: number;
  #ended = false;

  constructor(
    webhook: Webhook,
    cursor: number | undefined,
    letters: ReadonlyMap<string, string>,
    parts: PlaceParts,
  ) {
    this.webhook = webhook;
    this.#parts = parts;
    this.#readTo = cursor ?? 0;
    this.#written = cursor ?? -1;
    this.#since = cursor === undefined ? webhook.createdAt - BEFORE_MS : -Infinity;
    this.look(letters);
    for (const name of this.#names)
      if (placeOfLetter(name) > this.#readTo)
        this.#ahead.set(name, letterOf(letters.get(name) ?? '').event.id);
  }

  /** Position of the last record that this place has read. */
  get readTo(): number {
    return this.#readTo;
  }

  get cursor(): number {
    const [first] = this.#window;
    return first === undefined ? this.#readTo : first.position - 1;
  }

  get wantsMore(): boolean {
    return this.#window.length < WINDOW && !this.#parts.sender.isFull;
  }

  /** Names of all its letters in the store. */
  get names(): Iterable<string> {
    return this.#names;
  }

  get letters(): number {
    return this.#letters.size;
  }

  get deadLetters(): number {
    return this.#dead;
  }

  /**
   * Takes the letters as the store has them now. An operator may have changed dead letters into waiting ones.
   */
  look(letters: ReadonlyMap<string, string>): void {
    this.#dead = 0;
    this.#names.clear();
    for (const name of this.#letters.keys()) this.#names.add(name);
    const own = [...letters].filter(([name]) => name.startsWith(lettersOf(this.webhook.id)));
    own.sort(([one], [other]) => placeOfLetter(one) - placeOfLetter(other));
    for (const [name, text] of own) {
      const { event, conversation, failed, at, dead } = letterOf(text);
      this.#names.add(name);
      if (dead === true) this.#dead++;
      else if (!this.#letters.has(name) && !this.#dirty.has(name)) {
        const item = this.#item(
          { event: event as RelayEvent, conversation },
          name,
          undefined,
          text.length,
          failed,
        );
        item.notBefore = at;
        item.isLetter = true;
        this.#letters.set(name, item);
        this.#parts.sender.offer(item);
      }
    }
  }

  /** Goes on behind this position. Answers how many records it has not read. */
  skipTo(position: number): number {
    const before = this.#readTo;
    if (position <= before) return 0;
    this.#readTo = position;
    this.#parts.changed();
    // A webhook that has read nothing yet is new, and one that is off wants nothing.
    return before === 0 || this.webhook.off !== undefined ? 0 : position - before;
  }

  /** Takes records that were read after `readTo`. */
  async take(records: readonly FeedRecord[]): Promise<void> {
    const fresh = records.filter(({ position }) => position > this.#readTo);
    const wanted = await Promise.all(fresh.map((record) => this.#wantedOf(record)));
    if (this.#ended) return;
    for (const [i, { position }] of fresh.entries()) {
      const read: Read = { position, open: 0 };
      this.#readTo = position;
      this.#window.push(read);
      for (const [index, told] of (wanted[i] ?? []).entries()) {
        const name = letterName(this.webhook.id, position, index);
        if (told === undefined || this.#ahead.get(name) === told.event.id) continue;
        read.open++;
        const item = this.#item(told, name, read, JSON.stringify(told.event.data).length, 0);
        // Behind a letter the event would hold up the cursor for as long as that letter waits.
        if (this.#parts.sender.isHeld(told.conversation)) this.held(item);
        this.#parts.sender.offer(item);
      }
    }
    this.#advance();
  }

  /** One item for each event of a record: the event, or undefined when the webhook does not get it. */
  async #wantedOf(record: FeedRecord): Promise<readonly (Told | undefined)[]> {
    if (this.webhook.off !== undefined || timeOfRecord(record) < this.#since) return [];
    return Promise.all(
      eventsOf(record).map(async (told) => (wants(this.webhook, told) ? this.#completed(told) : undefined)),
    );
  }

  /** The event, if those whom it needs to be away are. */
  async #completed(told: Told): Promise<Told | undefined> {
    const { away } = this.#parts;
    if (told.offline !== undefined) return (await away.isAway(told.offline)) ? told : undefined;
    if (told.away === undefined) return told;
    const members = await away.of(told.away);
    const { event } = told;
    return members && { ...told, event: { ...event, data: { ...event.data, ...members } } };
  }

  delivered(item: Item): void {
    this.#end(item as OwnItem, undefined);
  }

  retried(item: Item, problem: string): void {
    const own = item as OwnItem;
    if (own.isLetter || own.failed >= HELD_AFTER) this.#park(own, problem);
  }

  held(item: Item): void {
    if (!(item as OwnItem).isLetter) this.#park(item as OwnItem, 'it waits for the event before it');
  }

  dead(item: Item, problem: string): void {
    if ((item as OwnItem).ended) return;
    if (!(item as OwnItem).isLetter && !this.#hasRoom) {
      this.#parts.observe('dropped');
      return this.#end(item as OwnItem, undefined);
    }
    this.#parts.observe('dead');
    this.#dead++;
    const { event, conversation, failed } = item;
    const letter: Letter = { event, conversation, failed, at: this.#parts.now(), dead: true, problem };
    this.#end(item as OwnItem, JSON.stringify(letter));
  }

  /** What is to be written since the last call; undefined: nothing. */
  progress():
    | { readonly cursor: number; readonly letters: ReadonlyMap<string, string | undefined> }
    | undefined {
    const { cursor } = this;
    if (cursor === this.#written && this.#dirty.size === 0) return undefined;
    const letters = this.#dirty;
    for (const [name, text] of letters)
      if (text === undefined) this.#names.delete(name);
      else this.#names.add(name);
    this.#dirty = new Map();
    this.#written = cursor;
    return { cursor, letters };
  }

  /** The caller could not write the last progress. */
  notWritten(letters: ReadonlyMap<string, string | undefined>): void {
    this.#written = -1;
    for (const [name, text] of letters) if (!this.#dirty.has(name)) this.#dirty.set(name, text);
  }

  /** Another relay has the partition now. */
  end(): void {
    this.#ended = true;
    for (const item of this.#items) item.dropped = true;
    this.#items.clear();
  }

  #item(
    { event, conversation }: Pick<Told, 'event' | 'conversation'>,
    name: string,
    read: Read | undefined,
    bytes: number,
    failed: number,
  ): OwnItem {
    const item: OwnItem = {
      ...{ event, conversation, name, read, bytes, failed },
      ...{ notBefore: 0, dropped: false, isLetter: false, ended: false, owner: this },
    };
    this.#items.add(item);
    return item;
  }

  #park(item: OwnItem, problem: string): void {
    // The webhook was turned off during the request, so the event is a dead letter already.
    if (item.ended || item.dropped) return;
    if (!item.isLetter) {
      if (!this.#hasRoom) return;
      item.isLetter = true;
      this.#letters.set(item.name, item);
      this.#parts.observe('parked');
      if (item.read !== undefined) item.read.open--;
    }
    const { event, conversation, failed, notBefore: at } = item;
    this.#dirty.set(item.name, JSON.stringify({ event, conversation, failed, at, problem } satisfies Letter));
    this.#advance();
  }

  /** @param text of the letter that is to stay; undefined: none stays */
  #end(item: OwnItem, text: string | undefined): void {
    if (item.ended || item.dropped) return;
    item.ended = true;
    this.#items.delete(item);
    if (item.isLetter) this.#letters.delete(item.name);
    else if (item.read !== undefined) item.read.open--;
    if (item.isLetter || text !== undefined) this.#dirty.set(item.name, text);
    this.#advance();
  }

  /** Whether one more event may become a letter. */
  get #hasRoom(): boolean {
    return this.#letters.size + this.#dead < LETTERS && this.#parts.lettersOfAll() < LETTERS_OF_ALL;
  }

  #advance(): void {
    let done = 0;
    while (this.#window[done]?.open === 0) done++;
    this.#window.splice(0, done);
    this.#parts.changed();
  }
}
