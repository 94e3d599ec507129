/**
 * People on the real SDK who talk to one another and to everybody. Each keeps a journal of everything that
 * happens to it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CimClient, memoryState, type Storage, type Recipient } from '@cim/client/node';
import { Again } from './again.ts';
import { type Journal, type JournalEntry, type Payload, textOf, voiceOf } from './journal.ts';
import { wireOptions } from './wire.ts';

/** Sends of one device that wait for their answer at any time. */
export const UNDER_WAY = 32;
const LATE_MS = 100;

/** Key: conversation as the SDK names it. Value: lane. Added when a person or a group is added. */
export type Lanes = Map<string, string>;

/** A group, as a person who writes to it knows it. */
interface KnownGroup {
  readonly id: string;
  /** True when the person is no longer a member and finds that out with its next send. */
  out: boolean;
}

interface PersonOptions {
  readonly device?: string;
  /** Whether this program shows entries only a moment later, which is a bug of its own. */
  readonly late?: (stream: string) => boolean;
  /** Of another version. */
  readonly sdk?: typeof CimClient;
}

/** A person at one device. */
export class Person {
  readonly name: string;
  /** Name of the device; '' for the only one. */
  readonly device: string;
  readonly voice: string;
  readonly entries: JournalEntry[] = [];
  /** Times from the loss of a connection to the next login [ms]. */
  readonly logins: number[] = [];
  /** Key: lane. */
  readonly groups = new Map<string, KnownGroup>();
  readonly again = new Again();
  stayed = true;
  unanswered = 0;
  ended: string | undefined;
  client: CimClient;
  readonly #state = memoryState();
  readonly #lanes: Lanes;
  readonly #routeUrl: string;
  readonly #sdk: typeof CimClient;
  readonly #late: (stream: string) => boolean;
  #awaySince: number | undefined;
  /** Why the client is not connected, and what it does next. */
  #awayFor = 'not connected yet';
  /** Key: lane. */
  readonly #counters = new Map<string, number>();
  readonly #others: { readonly name: string; readonly id: number }[] = [];
  #turn = 0;
  /** Whether its program is about to start again. */
  #away = false;

  constructor(
    name: string,
    routeUrl: string,
    lanes: Lanes,
    { device = '', late = () => false, sdk = CimClient }: PersonOptions = {},
  ) {
    this.#sdk = sdk;
    this.name = name;
    this.device = device;
    this.voice = voiceOf(name, device);
    this.#routeUrl = routeUrl;
    this.#lanes = lanes;
    this.#late = late;
    this.client = this.#begin(this.#state);
  }

  #begin(state: Storage): CimClient {
    const { name: userName, device: label } = this;
    const client = new this.#sdk({ routeUrl: this.#routeUrl, userName, label, state, ...wireOptions() });
    client.on('message', ({ id, group, from, texts, conversation }) => {
      if (this.again.isAgain(conversation, id)) return;
      const lane = group === undefined ? 'inbox' : this.#laneOf(`g${group}`);
      const show = (): void => {
        for (const text of texts)
          this.entries.push({
            ...{ did: 'shown', text, from: from.userName, stream: lane },
            conversation: this.#laneOf(conversation),
          });
      };
      if (this.#late(lane)) setTimeout(show, LATE_MS);
      else show();
    });
    client.on('disconnected', ({ reason, text, retryInMs }) => {
      this.#awaySince ??= performance.now();
      this.#awayFor = `${reason}, "${text}", again in ${Math.round(retryInMs)} ms`;
    });
    client.on('connected', () => {
      if (this.#awaySince !== undefined) this.logins.push(performance.now() - this.#awaySince);
      this.#awaySince = undefined;
    });
    client.on('lost', ({ to }) => {
      const of = this.#laneOf('group' in to ? `g${to.group}` : `u${to.user}`);
      this.entries.push({ did: 'was-told', of, what: 'lost' });
    });
    client.on('skipped', ({ stream, kind }) => {
      const of = stream.startsWith('group:') ? this.#laneOf(stream.replace('group:', 'g')) : 'inbox';
      this.entries.push({ did: 'was-told', of, what: kind });
    });
    client.on('closed', ({ text, reason }) => {
      if (this.client === client && reason !== 'closed') this.ended = text;
    });
    return client;
  }

  #laneOf(conversation: string): string {
    return this.#lanes.get(conversation) ?? conversation;
  }

  /** Restarts its program on a state that has lost the cursors of inbox and groups: the server knows them. */
  async restart(awayMs = 0): Promise<void> {
    this.#away = true;
    // An unanswered send would be another fault: the next program repeats it.
    while (this.unanswered > 0) await sleep(10);
    await this.client.close();
    await sleep(awayMs);
    this.again.restarted();
    const state = this.#state;
    this.client = this.#begin({
      ...state,
      load: async () => {
        const saved = await state.load();
        if (saved === undefined) return undefined;
        const lobby = Object.entries(saved.cursors).filter(([stream]) => stream === 'group:lobby');
        return { ...saved, cursors: Object.fromEntries(lobby), seen: {} };
      },
    });
    await this.client.connect();
    this.#away = false;
  }

  /** Where the client is, for a finding: connected, or away, for how long and why. */
  get where(): string {
    if (this.client.online) return `connected to ${this.client.server}`;
    const forMs = performance.now() - (this.#awaySince ?? performance.now());
    return `away for ${(forMs / 1000).toFixed(1)} s: ${this.#awayFor}`;
  }

  get id(): number {
    return this.client.user?.userId ?? 0;
  }

  get journal(): Journal {
    return { person: this.name, device: this.device, stayed: this.stayed, entries: this.entries };
  }

  forget(): void {
    this.entries.length = 0;
    this.logins.length = 0;
  }

  /** Makes the person talk to these people too. */
  meet(others: readonly { readonly name: string; readonly id: number }[]): void {
    const known = new Set([this.name, ...this.#others.map(({ name }) => name)]);
    for (const { name, id } of others) {
      if (!known.has(name)) this.#others.push({ name, id });
      known.add(name);
    }
  }

  get busy(): boolean {
    return this.#away || this.unanswered >= UNDER_WAY;
  }

  /**
   * Sends one message: to the next of the others, or every fourth time to everybody, and as often to a group.
   */
  say(filler = ''): void {
    const turn = this.#turn++;
    const other = this.#others[turn % Math.max(this.#others.length, 1)];
    const [lane, group] = [...this.groups][(turn >> 2) % Math.max(this.groups.size, 1)] ?? [];
    if (turn % 4 === 1 && lane !== undefined && group !== undefined) {
      if (group.out) this.groups.delete(lane);
      this.sendTo(lane, { group: group.id }, filler);
    } else if (turn % 4 === 3 || other === undefined) this.sendTo('lobby', { group: 'lobby' }, filler);
    else this.sendTo(other.name, { user: other.id }, filler);
  }

  sendTo(lane: string, to: Recipient, filler = ''): Payload {
    const n = (this.#counters.get(lane) ?? 0) + 1;
    this.#counters.set(lane, n);
    const payload: Payload = { sender: this.voice, lane, n };
    this.entries.push({ did: 'sent', payload, at: performance.now() });
    this.unanswered++;
    const text = filler === '' ? textOf(payload) : `${textOf(payload)} ${filler}`;
    void this.client.send(to, [text]).then(({ outcome }) => {
      this.unanswered--;
      this.entries.push({ did: 'answered', payload, outcome, at: performance.now() });
    });
    return payload;
  }
}
