import type { Seq, StreamRef } from '@cim/protocol';
import type { Entry, Streams } from './streams.ts';

/** Entries of one page. */
const PAGE = 256;
/** Pages that are read at once. Further ones wait. */
const READS = 4;

/**
 * Reads logs, mostly backwards, for questions that only the entries can answer. A scan may read a whole log,
 * so it reads page by page and alternates with other scans. Few reads at once take little from appends, and a
 * short scan does not wait for the end of long ones.
 */
export class LogScans {
  readonly #streams: Pick<Streams, 'read'>;
  #reading = 0;
  /** Pages that wait for another read to end, oldest first. */
  readonly #waiting: (() => void)[] = [];

  constructor(streams: Pick<Streams, 'read'>) {
    this.#streams = streams;
  }

  /**
   * The newest entry at or below `upTo` that matches; undefined when the log holds none.
   * @param most how many entries are read at most
   */
  newest(
    stream: StreamRef,
    upTo: number,
    matches: (entry: Entry) => boolean,
    most = Infinity,
  ): Promise<Entry | undefined> {
    let found: Entry | undefined;
    const end = Math.max(upTo - most, 0);
    return this.scan(stream, upTo, (page, below) => {
      found = page.findLast(matches);
      return found !== undefined || below <= end ? 0 : below;
    }).then(() => found);
  }

  /**
   * Reads pages from `upTo` down. `visit` gets the entries of a page, ascending, and the seq below them. It
   * answers the seq from which the next page goes down: that one or a lower one, or 0 to end.
   */
  async scan(
    stream: StreamRef,
    upTo: number,
    visit: (page: readonly Entry[], below: number) => number,
  ): Promise<void> {
    for (let to = upTo; to > 0; ) {
      const from = Math.max(to - PAGE + 1, 1);
      const page = await this.#inTurn(() => this.#page(stream, from, to));
      const next = visit(page, from - 1);
      const isTrimmed = page[0] === undefined || page[0].seq > from;
      if (isTrimmed) return;
      to = next;
    }
  }

  /**
   * Reads pages from `from` up, until a page is empty. `visit` gets the entries of a page, ascending, and
   * answers whether the next page is wanted. Resolves to false when it answered no.
   */
  async ahead(stream: StreamRef, from: number, visit: (page: readonly Entry[]) => boolean): Promise<boolean> {
    for (let next = from; ; ) {
      const page = await this.#inTurn(() => this.#streams.read(stream, next as Seq, PAGE));
      const last = page.at(-1);
      if (last === undefined) return true;
      if (!visit(page)) return false;
      next = last.seq + 1;
    }
  }

  /** The entries of a short range that exist, ascending. */
  range(stream: StreamRef, from: number, to: number): Promise<Entry[]> {
    return this.#inTurn(() => this.#page(stream, from, to));
  }

  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reading >= READS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#reading++;
    try {
      return await read();
    } finally {
      // The place goes to the next page that waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#reading--;
      else next();
    }
  }

  /** All entries of a range that exist. One read may answer fewer, so it reads until the end. */
  async #page(stream: StreamRef, from: number, to: number): Promise<Entry[]> {
    const page: Entry[] = [];
    for (let next = from; next <= to; ) {
      const entries = await this.#streams.read(stream, next as Seq, to - next + 1);
      for (const entry of entries) if (entry.seq <= to) page.push(entry);
      const last = entries.at(-1);
      if (last === undefined || last.seq >= to) break;
      next = last.seq + 1;
    }
    return page;
  }
}
