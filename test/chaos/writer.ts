/**
 * A person without a channel, who sends over HTTP with an `Idempotency-Key` and repeats unanswered requests.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from './crowd.ts';
import { type Journal, type JournalEntry, type Payload, textOf } from './journal.ts';

const ANSWER_MS = 3_000;
const AGAIN_MS = 50;
/** Codes that mean stored: 9000, or 7000 for an offline recipient. */
const STORED = ['9000', '7000'];

export class Writer {
  readonly name: string;
  readonly entries: JournalEntry[] = [];
  unanswered = 0;
  /** Number of missing answers and repeated sends. */
  repeated = 0;
  readonly #routePorts: readonly number[];
  readonly #readers: { readonly name: string; readonly id: number }[] = [];
  #id = 0;
  #tries = 0;
  #writing: Promise<void> | undefined;
  #stopped = false;
  #gaveUp = false;
  #turn = 0;

  constructor(name: string, routePorts: readonly number[]) {
    this.name = name;
    this.#routePorts = routePorts;
  }

  get journal(): Journal {
    return { person: this.name, device: '', stayed: false, entries: this.entries };
  }

  forget(): void {
    this.entries.length = 0;
  }

  /** Registers. Answers the id. */
  async register(readers: readonly Person[]): Promise<number> {
    for (const { name, id } of readers)
      if (!this.#readers.some((one) => one.name === name)) this.#readers.push({ name, id });
    const answer = await this.#post('/registerAccount', { userName: this.name });
    this.#id = (answer.dataBody as { userId: number }).userId;
    return this.#id;
  }

  start(): void {
    this.#stopped = false;
    this.#writing = this.#write();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }

  /** Gives up sends that wait for their answer. */
  giveUp(): void {
    this.#stopped = true;
    this.#gaveUp = true;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const turn = this.#turn++;
      const reader = this.#readers[turn % this.#readers.length];
      const n = Math.floor(turn / this.#readers.length) + 1;
      if (reader === undefined) return;
      // Every other message is for everybody, and its lane counts those.
      const payload: Payload =
        turn % 2 === 0
          ? { sender: this.name, lane: 'lobby', n: turn / 2 + 1 }
          : { sender: this.name, lane: reader.name, n };
      await this.#send(payload, reader.id);
    }
  }

  async #send(payload: Payload, receiveUserId: number): Promise<void> {
    this.entries.push({ did: 'sent', payload, at: performance.now() });
    this.unanswered++;
    const text = textOf(payload);
    const [path, body] =
      payload.lane === 'lobby'
        ? ['/groupRoute', { userId: this.#id, msg: text }]
        : ['/p2pRoute', { userId: this.#id, receiveUserId, msg: text }];
    let outcome: 'stored' | 'refused' | undefined;
    while (outcome === undefined) {
      if (this.#gaveUp) return;
      try {
        const { status, code } = await this.#post(path, body, text);
        if (status !== 503) outcome = STORED.includes(code) ? 'stored' : 'refused';
      } catch {
        this.repeated++;
      }
      if (outcome === undefined) await sleep(AGAIN_MS);
    }
    this.unanswered--;
    this.entries.push({ did: 'answered', payload, outcome, at: performance.now() });
  }

  /** Posts to the routes in rotation. Throws when no answer comes. */
  async #post(
    path: string,
    body: object,
    key?: string,
  ): Promise<{ status: number; code: string; dataBody: unknown }> {
    const port = this.#routePorts[this.#tries++ % this.#routePorts.length] ?? 0;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { code, dataBody } = (await answer.json()) as { code: string; dataBody: unknown };
    return { status: answer.status, code, dataBody };
  }
}
