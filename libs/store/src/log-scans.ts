import type { Seq, StreamRef } from '@cim/protocol';
import type { Entry, Streams } from './streams.ts';

/** Entries of one page. */
const PAGE = 256;
/** Logs that are read at a time; further scans wait. */
const SCANS = 4;

/**
 * Reads logs backwards, for the few questions that only the entries can answer. A scan may read a whole log: it reads in
 * pages, and only a few run at once, so that it takes little from those who append.
 */
export class LogScans {
  readonly #streams: Pick<Streams, 'read'>;
  #running = 0;
  /** Scans that wait for one to end, oldest first. */
  readonly #waiting: (() => void)[] = [];

  constructor(streams: Pick<Streams, 'read'>) {
    this.#streams = streams;
  }

  /**
   * The newest entry from `upTo` down that matches; undefined when the log holds none.
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
   * Reads pages from `upTo` down. `visit` gets the entries of a page, ascending, and the seq below them; it answers the
   * seq from which the next page goes down: that one or a lower one, or 0 to end.
   */
  async scan(
    stream: StreamRef,
    upTo: number,
    visit: (page: readonly Entry[], below: number) => number,
  ): Promise<void> {
    if (this.#running >= SCANS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      for (let to = upTo; to > 0; ) {
        const from = Math.max(to - PAGE + 1, 1);
        const page = await this.#page(stream, from, to);
        const trimmed = page[0] === undefined || page[0].seq > from;
        const next = visit(page, from - 1);
        if (trimmed) return;
        to = next;
      }
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** All entries there are in a range: a read may answer fewer. */
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
