import type { Logger } from '@cim/runtime';
import { LRUCache } from 'lru-cache';
import { decodeNodeData, encodeNodeData, type MemberDetails } from './member-node.ts';
import { type Member, memberName } from './membership.ts';
import { type Outcome, ownerOf, type ZooKeeperSession } from './zookeeper-session.ts';

interface Announcement {
  readonly self: Member;
  readonly path: string;
  readonly data: Buffer;
}

interface Held {
  readonly path: string;
  readonly session: string;
  /** Member whose data the node is known to hold; absent while a creation has not been answered. */
  readonly confirmed?: Announcement;
}

const REMEMBERED = 100;

/** The ephemeral node of this process. `announce` and `withdraw` set the wanted state; `settle` brings the node into it. */
export class OwnNode {
  readonly #session: ZooKeeperSession;
  readonly #root: string;
  readonly #logger: Logger;
  /** Sessions that this process has had. A node of one of them is ours. */
  readonly #sessions = new LRUCache<string, true>({ max: REMEMBERED });
  /** Sessions that hold our name and were already warned of. */
  readonly #warned = new LRUCache<string, true>({ max: REMEMBERED });
  #wanted: Announcement | undefined;
  /** Nodes that may exist, since the answer to their creation may have been lost. */
  #held: Held | undefined;
  #name: string | undefined;

  constructor(session: ZooKeeperSession, root: string, logger: Logger) {
    this.#session = session;
    this.#root = root;
    this.#logger = logger;
  }

  /** Name of the newest announcement, withdrawn or not. */
  get name(): string | undefined {
    return this.#name;
  }

  get wanted(): Member | undefined {
    return this.#wanted?.self;
  }

  /** Whether the node is in its wanted state, as far as this session knows. */
  get settled(): boolean {
    const held = this.#held?.session === this.#session.id ? this.#held : undefined;
    return held?.confirmed === this.#wanted && (this.#wanted !== undefined || held === undefined);
  }

  announce(self: Member): void {
    const name = memberName(self);
    this.#name = name;
    this.#wanted = { self, path: `${this.#root}/${name}`, data: encodeNodeData(self) };
  }

  withdraw(): void {
    this.#wanted = undefined;
  }

  sessionBegan(): void {
    this.#sessions.set(this.#session.id, true);
  }

  /**
   * Whether a node is ours but not wanted: it was created after its withdraw over a connection that was given up, or it
   * belongs to an earlier session of ours that could not remove it.
   */
  isLeftOver(path: string, owner: string): boolean {
    return this.#sessions.has(owner) && path !== this.#wanted?.path;
  }

  async settle(): Promise<Outcome<undefined>> {
    const session = this.#session.id;
    const wanted = this.#wanted;
    // An earlier session takes its nodes with it. A node that still exists is a leftover, or another process took it over.
    if (this.#held !== undefined && this.#held.session !== session) this.#held = undefined;
    if (this.#held !== undefined && this.#held.path !== wanted?.path) {
      const removed = await this.remove(this.#held.path);
      if (removed.kind !== 'ok') return removed;
      this.#held = undefined;
    }
    return wanted === undefined ? DONE : this.#place(wanted, session);
  }

  /** Removes a node if it belongs to a session of ours. */
  async remove(path: string): Promise<Outcome<undefined>> {
    const stat = await this.#session.stat(path);
    if (stat.kind !== 'ok') return stat;
    if (stat.value === undefined || !this.#sessions.has(ownerOf(stat.value))) return DONE;
    const removed = await this.#session.remove(path);
    if (removed.kind !== 'ok' && removed.kind !== 'no-node') return removed;
    this.#logger.info({ path }, 'membership.withdrawn');
    return DONE;
  }

  async #place(wanted: Announcement, session: string): Promise<Outcome<undefined>> {
    const stat = await this.#session.stat(wanted.path);
    if (stat.kind !== 'ok') return stat;
    const owner = stat.value === undefined ? undefined : ownerOf(stat.value);
    if (owner === session && this.#held?.confirmed === wanted) return DONE;
    if (owner !== undefined && owner !== session) {
      const judged = await this.#mayTakeOver(wanted, owner);
      if (judged.kind !== 'ok' || !judged.value) {
        this.#held = undefined;
        return judged.kind === 'ok' ? DONE : judged;
      }
    }
    // The wanted state changed meanwhile. The round for that change is already due.
    if (this.#wanted !== wanted || this.#session.id !== session) return DONE;
    this.#held = { path: wanted.path, session };
    const created =
      owner === undefined
        ? await this.#session.createEphemeral(wanted.path, wanted.data)
        : await this.#session.replaceEphemeral(wanted.path, wanted.data);
    if (created.kind !== 'ok') return created;
    this.#held = { path: wanted.path, session, confirmed: wanted };
    this.#logger.info({ path: wanted.path, instance: wanted.self.instance, session }, 'membership.announced');
    return DONE;
  }

  /**
   * Another session holds our name: an earlier session of ours, or a process that had our ports before us. The later start
   * wins. Both processes decide by the same rule, so two processes with one address do not replace each other for ever.
   */
  async #mayTakeOver(wanted: Announcement, owner: string): Promise<Outcome<boolean>> {
    if (this.#sessions.has(owner)) return { kind: 'ok', value: true };
    const read = await this.#session.read(wanted.path);
    if (read.kind !== 'ok') return read;
    const other = decodeNodeData(read.value.data);
    if (isOurs(wanted.self, other) || isLater(wanted.self, other)) return { kind: 'ok', value: true };
    if (!this.#warned.has(owner)) {
      this.#warned.set(owner, true);
      this.#logger.warn({ path: wanted.path, holder: other.instance }, 'membership.name-taken');
    }
    return { kind: 'ok', value: false };
  }
}

const DONE = { kind: 'ok', value: undefined } as const;

/** Tells whether a node at our address is ours. A node of CIM's own counts as ours: no other server can run at an address that we listen on. */
const isOurs = (self: Member, other: MemberDetails): boolean =>
  other.instance === undefined || other.instance === self.instance;

function isLater(self: Member, other: MemberDetails): boolean {
  const [ours, theirs] = [self.startedAt ?? 0, other.startedAt ?? 0];
  return ours === theirs ? (self.instance ?? '') > (other.instance ?? '') : ours > theirs;
}
