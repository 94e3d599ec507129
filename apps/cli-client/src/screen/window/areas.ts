import type { Facts } from '../screen.ts';
import { type Change, changed, type Entry, isOf, type Remark, type Spoken } from './entry.ts';

/** Entries of one conversation; when there are more, the oldest quarter goes. */
const ENTRIES = 4_000;

/** One conversation on the screen. */
export interface Area {
  /** `u<userId>` or `g<groupId>` */
  readonly id: string;
  title: string;
  entries: Entry[];
  unread: number;
  /** Somebody has named this user in what is unread. */
  mentioned: boolean;
  /** n of the newest message; 0 when none is known. */
  n: number;
  /** Users that are in it, as far as they are known. */
  users: readonly string[];
  /** Whether the server may have older messages than those here. */
  older: boolean;
  /** Rows below what is seen: more than 0 while the person reads older ones. */
  scroll: number;
}

/** The conversations of a terminal, numbered from 1 in the order they were opened, one of which is seen. */
export class Areas {
  readonly list: Area[] = [];
  #current: Area;

  /** @param id of the conversation that is seen first */
  constructor(id: string, title: string) {
    this.#current = this.open(id, title);
  }

  get current(): Area {
    return this.#current;
  }

  /** Finds the area of a conversation, or makes it. A title that was only an id before gets better. */
  open(id: string, title: string): Area {
    const known = this.list.find((area) => area.id === id);
    if (known !== undefined) {
      if (title !== '') known.title = title;
      return known;
    }
    const area: Area = {
      id,
      title,
      entries: [],
      unread: 0,
      mentioned: false,
      n: 0,
      users: [],
      older: true,
      scroll: 0,
    };
    this.list.push(area);
    return area;
  }

  /** Shows another conversation, which is read by that. */
  go(area: Area): void {
    this.#current = area;
    this.#read(area);
  }

  /** The next conversation with something unread, behind the current one first; those with a mention before all. */
  nextUnread(): Area | undefined {
    const at = this.list.indexOf(this.#current);
    const others = [...this.list.slice(at + 1), ...this.list.slice(0, at)].filter((area) => area.unread > 0);
    return others.find((area) => area.mentioned) ?? others[0];
  }

  remark(area: Area, remark: Remark): void {
    this.#add(area, remark);
  }

  /** A page of older messages. Those that are here already stay as they are. */
  page(area: Area, { items, more }: NonNullable<Facts['page']>): void {
    area.older = more;
    const known = new Set(area.entries.map((one) => (one.kind === 'said' ? one.id : '')));
    const missing = items.filter(({ id }) => !known.has(id));
    for (const { n } of items) area.n = Math.max(area.n, n);
    if (!area.entries.some((one) => one.kind === 'said')) area.entries.unshift(...missing);
    else for (const item of missing) area.entries.splice(placeFor(area.entries, item), 0, item);
    if (area.entries.length > (ENTRIES * 3) / 4) area.older = false;
  }

  /** Adds a message, or puts it in the place of what it was before (an own one that is stored now). */
  said(area: Area, spoken: Spoken, mentions: boolean): void {
    const isNew = spoken.n === 0 || spoken.n > area.n;
    area.n = Math.max(area.n, spoken.n);
    if (
      spoken.key !== undefined &&
      this.#replace(
        area,
        (one) => one.key === spoken.key,
        () => spoken,
      )
    )
      return;
    if (spoken.id !== '' && area.entries.some((one) => one.kind === 'said' && one.id === spoken.id)) return;
    this.#add(area, spoken);
    if (spoken.own || spoken.event === true || !isNew || (area === this.#current && area.scroll === 0))
      return;
    area.unread++;
    area.mentioned ||= mentions;
  }

  /** The server has counted what is unread, up to the message `n`; what came behind that is counted here. */
  counted(area: Area, { count, n }: { readonly count: number; readonly n: number }): void {
    area.n = Math.max(area.n, n);
    if (area === this.#current) return;
    const since = area.entries.filter((one) => one.kind === 'said' && !one.own && one.n > n);
    area.unread = count + since.length;
  }

  /** False: the message is not here. */
  change(area: Area, change: Change): boolean {
    return this.#replace(
      area,
      (one) => isOf(one, change),
      (one) => changed(one, change),
    );
  }

  #read(area: Area): void {
    area.unread = 0;
    area.mentioned = false;
  }

  #add(area: Area, entry: Entry): void {
    area.entries.push(entry);
    if (area.entries.length <= ENTRIES) return;
    area.entries.splice(0, ENTRIES / 4);
    // A page of older messages would not join on to those that are left.
    area.older = false;
  }

  #replace(area: Area, is: (spoken: Spoken) => boolean, by: (spoken: Spoken) => Spoken): boolean {
    const at = area.entries.findLastIndex((one) => one.kind === 'said' && is(one));
    const found = area.entries[at];
    if (found?.kind !== 'said') return false;
    area.entries[at] = by(found);
    return true;
  }
}

/** Before the first message that is newer. */
function placeFor(entries: readonly Entry[], { at }: Spoken): number {
  const newer = entries.findIndex((one) => one.kind === 'said' && one.at > at);
  return newer < 0 ? entries.length : newer;
}
