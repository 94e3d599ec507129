/**
 * The questions of a client about its own sends. If the store fails, no answer is sent; the client asks
 * again.
 */
import {
  type cim,
  type GroupId,
  groupStream,
  inboxOf,
  isGroupId,
  isProducerId,
  isSeq,
  isUserId,
  type ProducerId,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Entry, LogScans, Streams } from '@cim/store';

/** Most streams of one question, and most questions of one client at a time. Others are not answered. */
const LIMIT = 64;
/** Entries below a recipient's cursor that are searched for the newest message of the asker. */
const DELIVERED_ENTRIES = 1_024;
/** The value of `Found.oldest_at` that means: any send may have been trimmed. */
const ALL_TRIMMED = Number.MAX_SAFE_INTEGER;

interface Asked {
  readonly to: number;
  readonly group: string;
  readonly producer: string;
}

export class Questions {
  readonly #asker: UserId;
  readonly #streams: Streams;
  readonly #scans: LogScans;
  readonly #answer: (frame: cim.Frame.$Properties) => void;
  #open = 0;
  #finding = false;

  constructor(
    asker: UserId,
    streams: Streams,
    scans: LogScans,
    answer: (frame: cim.Frame.$Properties) => void,
  ) {
    this.#asker = asker;
    this.#streams = streams;
    this.#scans = scans;
    this.#answer = answer;
  }

  /** Number of questions without an answer yet. */
  get open(): number {
    return this.#open;
  }

  /**
   * Answers whether the store still has the sends that it had answered as stored. @returns false when the
   * frame is malformed
   */
  counters({ counters }: cim.Counters): boolean {
    const asked = counters.map(({ to, group, producer, counter, seq }) => ({
      to: to ?? 0,
      group: group ?? '',
      producer: producer ?? '',
      counter: counter ?? 0,
      seq: seq ?? 0,
    }));
    if (!asked.every(isAboutSends) || asked.length === 0 || asked.length > LIMIT) return false;
    this.#ask(async () => {
      const of = asked.map((one) => ({ stream: streamOf(one), producer: one.producer as ProducerId }));
      const known = await this.#streams.counters(this.#asker, of);
      const answers = asked.map(async (one, i) => ({
        ...one,
        ...(known[i] === undefined ? await this.#lookAt(one) : { counter: known[i] }),
      }));
      this.#answer({ counters: { counters: await Promise.all(answers) } });
    });
    return true;
  }

  /**
   * Answers which of the asker's sends a stream holds. One question at a time; the server drops further ones.
   * @returns false when the frame is malformed
   */
  find({ to, group, producer }: cim.Find): boolean {
    if (!isAboutSends({ to, group, producer })) return false;
    if (this.#finding || this.#open >= LIMIT) return true;
    this.#finding = true;
    this.#ask(async () => {
      try {
        const stream = streamOf({ to, group });
        const { top } = await this.#streams.kept.position(stream);
        const newest = await this.#scans.newest(
          stream,
          top,
          (entry) => this.#isMine(entry) && entry.producer === producer && entry.counter > 0,
        );
        // Asked last: an entry trimmed during the search was not found, and must count as trimmed.
        const oldestAt = await this.#oldestAt(stream);
        this.#answer({ found: { to, group, producer, last: newest?.counter ?? 0, oldestAt } });
      } finally {
        this.#finding = false;
      }
    });
    return true;
  }

  /**
   * Answers up to where the recipient has acked the asker's messages. `seq` must be that of a message of the
   * asker. The answer names the newest message of the asker up to `seq` that is acked. If another user sent
   * the entry at `seq`, nothing is answered: the cursor would reveal how many messages the owner of the inbox
   * gets, and when the owner reads.
   * @returns false when the frame is malformed
   */
  delivered({ to, seq }: cim.Delivered): boolean {
    if (!isUserId(to) || !isSeq(seq)) return false;
    this.#ask(async () => {
      const inbox = inboxOf(to);
      const [named, cursor] = await Promise.all([
        this.#streams.peek(inbox, seq),
        this.#streams.highestCursor(to, inbox),
      ]);
      if (named?.seq !== seq || !this.#isMine(named) || cursor === undefined) return;
      const acked =
        cursor.seq >= seq
          ? named
          : await this.#scans.newest(inbox, cursor.seq, (entry) => this.#isMine(entry), DELIVERED_ENTRIES);
      if (acked !== undefined) this.#answer({ delivered: { to, seq: acked.seq } });
    });
    return true;
  }

  /** Looks for the entry itself, after the store has forgotten the producer. */
  async #lookAt({
    to,
    group,
    producer,
    counter,
    seq,
  }: Asked & { readonly counter: number; readonly seq: number }): Promise<{
    readonly counter: number;
    readonly unknown?: true;
  }> {
    const stream = streamOf({ to, group });
    // The counter is repeated for clients that do not know `unknown`.
    const unknown = { counter, unknown: true } as const;
    if (!isSeq(seq) || seq === 0) return unknown;
    const { top } = await this.#streams.kept.position(stream);
    if (seq > top) return { counter: 0 };
    const entry = await this.#streams.kept.peek(stream, seq);
    if (entry?.seq !== seq) return unknown;
    const same = this.#isMine(entry) && entry.producer === producer && entry.counter === counter;
    return { counter: same ? counter : 0 };
  }

  async #oldestAt(stream: StreamRef): Promise<number> {
    const { first } = await this.#streams.kept.position(stream);
    if (first === 1) return 0;
    return (await this.#streams.kept.peek(stream, first))?.storedAt ?? ALL_TRIMMED;
  }

  #isMine(entry: Entry): boolean {
    return entry.sender.userId === this.#asker;
  }

  #ask(question: () => Promise<void>): void {
    if (this.#open >= LIMIT) return;
    this.#open++;
    question()
      .catch(() => undefined)
      .finally(() => this.#open--);
  }
}

const isAboutSends = ({ to, group, producer }: Asked): boolean =>
  (isUserId(to) || isGroupId(group)) && isProducerId(producer);

const streamOf = ({ to, group }: { readonly to: number; readonly group: string }): StreamRef =>
  isUserId(to) ? inboxOf(to) : groupStream(group as GroupId);
