import { Backoff, type Logger } from '@cim/runtime';
import { byName, sameMembers } from './member-list.ts';
import { parseNodeName, unannounceable } from './member-node.ts';
import { type Member, type Membership, memberName } from './membership.ts';
import { OPEN_ACCESS, type ZooKeeperAccess } from './zookeeper-access.ts';
import { type MemberNode, MemberNodes } from './zookeeper-nodes.ts';
import { OwnNode } from './zookeeper-own-node.ts';
import { parseZooKeeperServers } from './zookeeper-servers.ts';
import { type Outcome, ZooKeeperSession } from './zookeeper-session.ts';

export interface ZooKeeperMembershipOptions {
  /** `host:port,host:port[/chroot]`. */
  readonly servers: string;
  readonly logger: Logger;
  /** Open to everybody by default. */
  readonly access?: ZooKeeperAccess;
  /** Whether to join although servers of CIM's own are listed under the same path; false by default. */
  readonly shareWithCim?: boolean;
  /** Time that a dead server stays listed, 10 s by default [ms]. ZooKeeper grants it only within its own limits. */
  readonly sessionTimeoutMs?: number;
}

/** @throws an Error with one line for a person when `servers` is wrong */
export const openZooKeeperMembership = (options: ZooKeeperMembershipOptions): Membership =>
  new ZooKeeperMembership(options);

const DEFAULT_SESSION_TIMEOUT_MS = 10_000;
/** Longest wait of `start` and `announce` [ms], as `Membership` says. */
const WAIT_MS = 5000;
const WITHDRAW_WITHIN_MS = 2000;
/** The list is read this often even when no watch fires [ms], since a watch can be lost. */
const RELIST_EVERY_MS = 10_000;
/** Shortest time between two reads of the list [ms]. A cluster that restarts causes bursts of changes. */
const ROUND_SPACING_MS = 50;
const RETRY_MS = [200, 1000] as const;

const DONE = { kind: 'ok', value: undefined } as const;

/** A route of CIM chooses among all listed servers. A client that it sends to one of our servers is turned away there. */
const unwelcome = (root: string, names: readonly string[]): string =>
  `${root} in ZooKeeper lists servers that are not of this product, or that CIM_ZK_AUTH may not read ` +
  `(${names.slice(0, 3).join(', ')}${names.length > 3 ? `, ${names.length - 3} more` : ''}). ` +
  'Their routes would send clients here that cannot log in. Give this cluster a path of its own ' +
  '(CIM_ZK=host:port/path), or set CIM_ZK_SHARE_WITH_CIM=true to join all the same';

interface Waiter {
  readonly done: () => boolean;
  readonly resolve: () => void;
}

/**
 * Membership in ZooKeeper, as CIM has it: ephemeral children of `/cim`. A round brings our own node into its wanted state
 * and reads the list. Every event (a watch, a connection, an announcement, a timer) only asks for a round, so no order of
 * events needs a case of its own. Rounds never overlap.
 */
class ZooKeeperMembership implements Membership {
  readonly description: string;
  readonly #logger: Logger;
  readonly #session: ZooKeeperSession;
  readonly #nodes: MemberNodes;
  readonly #own: OwnNode;
  readonly #listeners = new Set<() => void>();
  /** Callers of `start`, `announce` and `withdraw` that wait. Each is removed when its condition holds or its time is over. */
  readonly #waiters = new Set<Waiter>();
  readonly #retry = new Backoff(...RETRY_MS);
  #members: readonly Member[] = [];
  #listed = false;
  #keepAbsentUntil = 0;
  #saidRefused = '';
  readonly #root: string;
  /**
   * Whether this process may be listed: the settings allow it to share the path, or it was listed before. A listed server
   * stays when foreign servers join later.
   */
  #mayJoin: boolean;
  /** Why this process may not be listed, as of the last round. */
  #unwelcome: string | undefined;
  #running = false;
  #again = false;
  #roundStartedAt = 0;
  #pause: NodeJS.Timeout | undefined;
  #relist: NodeJS.Timeout | undefined;
  #afterGrace: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({
    servers,
    logger,
    access = OPEN_ACCESS,
    shareWithCim = false,
    sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS,
  }: ZooKeeperMembershipOptions) {
    const address = parseZooKeeperServers(servers);
    const root = `${address.chroot}/cim`;
    this.description = `ZooKeeper at ${servers}`;
    this.#logger = logger;
    this.#root = root;
    this.#mayJoin = shareWithCim;
    this.#session = new ZooKeeperSession({
      servers: address.servers,
      sessionTimeoutMs,
      access,
      logger,
      onConnected: (renewed) => this.#onConnected(renewed),
    });
    this.#nodes = new MemberNodes(this.#session, root, logger);
    this.#own = new OwnNode(this.#session, root, logger);
  }

  get connected(): boolean {
    return this.#session.connected;
  }

  get problem(): string | undefined {
    return this.#saidRefused === '' ? undefined : this.#saidRefused;
  }

  async start(): Promise<void> {
    if (this.#stopped) return;
    this.#session.start();
    this.#relist ??= setInterval(() => this.#wake(), RELIST_EVERY_MS);
    await this.#until(() => this.#listed, WAIT_MS);
  }

  members(): readonly Member[] {
    return this.#members;
  }

  onChange(listener: () => void): () => void {
    // A new function per call, so that a listener that is given twice is called twice.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  async announce(self: Member): Promise<void> {
    if (parseNodeName(memberName(self)) === undefined) throw unannounceable(self);
    this.#own.announce(self);
    this.#wakeNow();
    this.#unwelcome = undefined;
    await this.#until(
      () =>
        this.#own.wanted !== self ||
        this.#unwelcome !== undefined ||
        (this.#own.settled && this.#lists(self)),
      WAIT_MS,
    );
    const why = this.#whyUnwelcome();
    if (why !== undefined && this.#own.wanted === self) throw new Error(why);
  }

  async withdraw(): Promise<void> {
    const self = this.#own.wanted;
    this.#own.withdraw();
    // Without a connection this does not wait: the node is removed after the next connection, or ends with the session.
    if (!this.connected) return;
    this.#wakeNow();
    await this.#until(
      () =>
        !this.connected ||
        this.#own.wanted !== undefined ||
        (this.#own.settled && (self === undefined || !this.#lists(self))),
      WITHDRAW_WITHIN_MS,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#relist);
    clearTimeout(this.#pause);
    clearTimeout(this.#afterGrace);
    this.#listeners.clear();
    this.#settleWaiters();
    await this.#session.stop();
  }

  #onConnected(renewed: boolean): void {
    this.#own.sessionBegan();
    if (renewed) {
      // A ZooKeeper that hung has mostly ended the sessions of all servers. Live servers are back at once. Until then a
      // list without them would refuse logins that they can take.
      const graceMs = this.#session.timeoutMs;
      this.#keepAbsentUntil = performance.now() + graceMs;
      clearTimeout(this.#afterGrace);
      this.#afterGrace = setTimeout(() => this.#wake(), graceMs + ROUND_SPACING_MS);
    }
    this.#wakeNow();
  }

  readonly #onChildrenChanged = (): void => this.#wake();

  #wake(): void {
    this.#wakeAfter(Math.max(0, this.#roundStartedAt + ROUND_SPACING_MS - performance.now()));
  }

  #wakeAfter(ms: number): void {
    if (this.#pause === undefined && !this.#stopped) this.#pause = setTimeout(() => this.#wakeNow(), ms);
  }

  #wakeNow(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#again = true;
    void this.#runRounds();
  }

  async #runRounds(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again && this.connected && !this.#stopped) {
        this.#again = false;
        this.#roundStartedAt = performance.now();
        const done = await this.#round();
        this.#settleWaiters();
        if (done) this.#retry.reset();
        else this.#wakeAfter(this.#retry.next());
      }
    } catch (error) {
      this.#logger.error({ err: error }, 'membership.round-failed');
    } finally {
      this.#running = false;
    }
  }

  /** Returns false when the round must be repeated soon. */
  async #round(): Promise<boolean> {
    const session = this.#session.id;
    let settled = this.#mayJoin ? await this.#own.settle() : DONE;
    let list = await this.#nodes.list(this.#onChildrenChanged);
    if (list.kind === 'no-node') {
      const created = await this.#nodes.createRoot();
      if (created.kind !== 'ok') return this.#answered(created);
      list = await this.#nodes.list(this.#onChildrenChanged);
    }
    if (list.kind === 'ok' && this.#own.wanted !== undefined && this.#admit(list.value)) {
      settled = await this.#own.settle();
      list = await this.#nodes.list(this.#onChildrenChanged);
    }
    if (list.kind !== 'ok') return this.#answered(list);
    if (this.#session.id !== session) return false;
    const members = new Map<string, Member>();
    for (const { path, owner, member } of list.value) {
      if (this.#own.isLeftOver(path, owner)) await this.#own.remove(path);
      else members.set(memberName(member), member);
    }
    if (performance.now() < this.#keepAbsentUntil) {
      for (const known of this.#members) {
        const name = memberName(known);
        if (name !== this.#own.name && !members.has(name)) members.set(name, known);
      }
    }
    this.#apply([...members.values()].sort(byName));
    return this.#answered(
      this.#unwelcome === undefined ? settled : { kind: 'failed', reason: this.#unwelcome },
    );
  }

  /** Whether the caller's condition holds, asked again after each wait. */
  #whyUnwelcome(): string | undefined {
    return this.#unwelcome;
  }

  /** Decides whether this process may be listed among the given members. Returns true when it may now and could not before. */
  #admit(nodes: readonly MemberNode[]): boolean {
    if (this.#mayJoin) return false;
    // A node of CIM's at our own address is left over from a server that has ended, since we listen there.
    const foreign = nodes
      .filter(({ member }) => member.instance === undefined && memberName(member) !== this.#own.name)
      .map(({ member }) => memberName(member));
    this.#mayJoin = foreign.length === 0;
    this.#unwelcome = this.#mayJoin ? undefined : unwelcome(this.#root, foreign);
    return this.#mayJoin;
  }

  /** Logs once what ZooKeeper refuses. The session reports lost answers. */
  #answered(outcome: Outcome<unknown>): boolean {
    const reason =
      outcome.kind === 'failed'
        ? outcome.reason
        : outcome.kind === 'denied'
          ? `ZooKeeper denies access to ${this.#root}: CIM_ZK_AUTH must be one that its ACL names`
          : '';
    if (reason !== '' && reason !== this.#saidRefused) this.#logger.warn({ reason }, 'membership.refused');
    if (outcome.kind !== 'lost') this.#saidRefused = reason;
    return outcome.kind === 'ok';
  }

  #apply(members: readonly Member[]): void {
    this.#listed = true;
    if (sameMembers(this.#members, members)) return;
    this.#members = members;
    this.#logger.info({ members: members.map(memberName) }, 'membership.changed');
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        this.#logger.error({ err: error }, 'membership.listener-failed');
      }
    }
  }

  #lists(self: Member): boolean {
    const name = memberName(self);
    return this.#members.some((m) => memberName(m) === name && m.instance === self.instance);
  }

  #until(done: () => boolean, withinMs: number): Promise<void> {
    if (done() || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        done,
        resolve: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.resolve, withinMs);
      this.#waiters.add(waiter);
    });
  }

  #settleWaiters(): void {
    for (const waiter of [...this.#waiters]) if (this.#stopped || waiter.done()) waiter.resolve();
  }
}
