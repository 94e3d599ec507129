/** What a client may ask the store about its own sends. An answer that cannot be had is none: the client asks again. */
import {
  type cim,
  groupStream,
  inboxOf,
  isProducerId,
  isSeq,
  isUserId,
  LOBBY,
  type ProducerId,
  type UserId,
} from '@cim/protocol';
import type { Streams } from '@cim/store';

/** Streams of one question, and questions of one client at a time; more are not answered. */
const LIMIT = 64;

export class Questions {
  readonly #asker: UserId;
  readonly #streams: Streams;
  readonly #answer: (frame: cim.Frame.$Properties) => void;
  #open = 0;

  constructor(asker: UserId, streams: Streams, answer: (frame: cim.Frame.$Properties) => void) {
    this.#asker = asker;
    this.#streams = streams;
    this.#answer = answer;
  }

  /** What does the store have of what was answered as stored? False: the question is none. */
  counters({ counters }: cim.Counters): boolean {
    const asked = counters.map(({ to, group, producer, counter }) => ({
      to: to ?? 0,
      group: group ?? '',
      producer: producer ?? '',
      counter: counter ?? 0,
    }));
    const known = asked.every(
      ({ to, group, producer }) => (isUserId(to) || group === LOBBY) && isProducerId(producer),
    );
    if (!known || asked.length === 0 || asked.length > LIMIT) return false;
    this.#ask(async () => {
      const of = asked.map(({ to, producer }) => ({
        stream: isUserId(to) ? inboxOf(to) : groupStream(LOBBY),
        producer: producer as ProducerId,
      }));
      const has = await this.#streams.counters(this.#asker, of);
      this.#answer({ counters: { counters: asked.map((one, i) => ({ ...one, counter: has[i] ?? 0 })) } });
    });
    return true;
  }

  /** How far is that inbox? No further than the client knows already of what it sent there. False: it is no question. */
  delivered({ to, seq }: cim.Delivered): boolean {
    if (!isUserId(to) || !isSeq(seq)) return false;
    this.#ask(async () => {
      const cursor = await this.#streams.cursor(to, inboxOf(to));
      this.#answer({ delivered: { to, seq: Math.min(cursor?.seq ?? 0, seq) } });
    });
    return true;
  }

  #ask(question: () => Promise<void>): void {
    if (this.#open >= LIMIT) return;
    this.#open++;
    question()
      .catch(() => undefined)
      .finally(() => this.#open--);
  }
}
