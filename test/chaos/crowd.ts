/** People on the real SDK who talk to one another and to everybody, and keep a journal of all that happens to them. */
import { CimClient, memoryState, type Recipient } from '@cim/client/node';
import type { Journal, JournalEntry, Payload } from './journal.ts';
import { textOf } from './journal.ts';

/** Sends of one person that wait for their answer at any time. */
const UNDER_WAY = 32;
const LATE_MS = 100;

export class Person {
  readonly name: string;
  readonly client: CimClient;
  readonly entries: JournalEntry[] = [];
  /** ms from the loss of a connection to the next login. */
  readonly logins: number[] = [];
  stayed = true;
  unanswered = 0;
  ended: string | undefined;
  #awaySince: number | undefined;
  /** Key: lane. */
  readonly #counters = new Map<string, number>();
  readonly #others: { readonly name: string; readonly id: number }[] = [];
  #turn = 0;

  /** @param late whether this program shows it only a moment later: a fault of its own */
  constructor(name: string, routeUrl: string, late: (stream: string) => boolean = () => false) {
    this.name = name;
    this.client = new CimClient({ routeUrl, userName: name, state: memoryState() });
    this.client.on('message', ({ group, from, texts }) => {
      const stream = group === undefined ? 'inbox' : 'lobby';
      const show = (): void => {
        for (const text of texts) this.entries.push({ did: 'shown', text, from: from.userName, stream });
      };
      if (late(stream)) setTimeout(show, LATE_MS);
      else show();
    });
    this.client.on('disconnected', () => (this.#awaySince ??= performance.now()));
    this.client.on('connected', () => {
      if (this.#awaySince !== undefined) this.logins.push(performance.now() - this.#awaySince);
      this.#awaySince = undefined;
    });
    this.client.on('lost', ({ to }) => {
      const of = 'group' in to ? 'lobby' : (this.#others.find(({ id }) => id === to.user)?.name ?? '?');
      this.entries.push({ did: 'was-told', of, what: 'lost' });
    });
    this.client.on('skipped', ({ stream, kind }) => {
      this.entries.push({ did: 'was-told', of: stream.startsWith('group:') ? 'lobby' : 'inbox', what: kind });
    });
    this.client.on('closed', ({ text }) => {
      this.ended = text;
    });
  }

  get journal(): Journal {
    return { person: this.name, stayed: this.stayed, entries: this.entries };
  }

  forget(): void {
    this.entries.length = 0;
    this.logins.length = 0;
  }

  meet(others: readonly Person[]): void {
    for (const other of others)
      if (other !== this) this.#others.push({ name: other.name, id: other.client.user?.userId ?? 0 });
  }

  /** From now on talks to this one too. */
  know({ name, id }: { readonly name: string; readonly id: number }): void {
    this.#others.push({ name, id });
  }

  get busy(): boolean {
    return this.unanswered >= UNDER_WAY;
  }

  /** One message, to the next of the others or, every fourth time, to everybody. */
  say(filler = ''): void {
    const turn = this.#turn++;
    const other = this.#others[turn % Math.max(this.#others.length, 1)];
    if (turn % 4 === 3 || other === undefined) this.sendTo('lobby', { group: 'lobby' }, filler);
    else this.sendTo(other.name, { user: other.id }, filler);
  }

  sendTo(lane: string, to: Recipient, filler = ''): Payload {
    const n = (this.#counters.get(lane) ?? 0) + 1;
    this.#counters.set(lane, n);
    const payload: Payload = { sender: this.name, lane, n };
    this.entries.push({ did: 'sent', payload });
    this.unanswered++;
    const text = filler === '' ? textOf(payload) : `${textOf(payload)} ${filler}`;
    void this.client.send(to, [text]).then(({ outcome }) => {
      this.unanswered--;
      this.entries.push({ did: 'answered', payload, outcome });
    });
    return payload;
  }
}

/** Talks at a steady rate until it has said so much, or is told to stop; says nothing while a person is busy. */
export class Talk implements Disposable {
  readonly #people: readonly Person[];
  readonly #filler: string;
  #said = 0;
  #allowed: number;
  readonly #perTick: number;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(people: readonly Person[], options: { perSecond: number; upTo?: number; filler?: string }) {
    this.#people = people;
    this.#allowed = options.upTo ?? Number.POSITIVE_INFINITY;
    this.#perTick = options.perSecond / 50;
    this.#filler = options.filler ?? '';
  }

  get said(): number {
    return this.#said;
  }

  get done(): boolean {
    return this.#said >= this.#allowed;
  }

  start(): void {
    let due = 0;
    this.#timer = setInterval(() => {
      due = Math.min(due + this.#perTick, this.#people.length * UNDER_WAY);
      for (let tries = this.#people.length; due >= 1 && tries > 0 && !this.done; ) {
        const person = this.#people[this.#next++ % this.#people.length];
        if (person === undefined || person.busy) {
          tries--;
          continue;
        }
        person.say(this.#filler);
        this.#said++;
        due--;
      }
    }, 20);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
