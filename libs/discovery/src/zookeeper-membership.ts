import { Backoff, type Logger } from '@cim/runtime';
import { byName, sameMembers } from './member-list.ts';
import { parseNodeName, unannounceable } from './member-node.ts';
import { type Member, type Membership, memberName } from './membership.ts';
import { MemberNodes } from './zookeeper-nodes.ts';
import { OwnNode } from './zookeeper-own-node.ts';
import { parseZooKeeperServers } from './zookeeper-servers.ts';
import { type Outcome, ZooKeeperSession } from './zookeeper-session.ts';

export interface ZooKeeperMembershipOptions {
  /** `host:port,host:port[/chroot]`. */
  readonly servers: string;
  readonly logger: Logger;
  /** How long a server that died stays listed, 10 s by default; ZooKeeper grants what lies within its own limits. */
  readonly sessionTimeoutMs?: number;
}

/** @throws an Error with one line for a person when `servers` is wrong */
export const openZooKeeperMembership = (options: ZooKeeperMembershipOptions): Membership =>
  new ZooKeeperMembership(options);

const DEFAULT_SESSION_TIMEOUT_MS = 10_000;
/** The port's: how long start and announce wait for what may come later. */
const WAIT_MS = 5000;
const WITHDRAW_WITHIN_MS = 2000;
/** The safety net under the watches. */
const RELIST_EVERY_MS = 10_000;
/** What comes in bursts (a cluster that restarts) is read once per so many ms. */
const ROUND_SPACING_MS = 50;
const RETRY_MS = [200, 1000] as const;

interface Waiter {
  readonly done: () => boolean;
  readonly resolve: () => void;
}

/**
 * Membership in ZooKeeper, as CIM has it: ephemeral children of `/cim`. One round makes our own node what it should be
 * and reads the list; whatever happens (a watch, a connection, an announcement, a timer) only asks for a round, so that
 * no order of events needs a case of its own. Rounds never overlap.
 */
class ZooKeeperMembership implements Membership {
  readonly description: string;
  readonly #logger: Logger;
  readonly #session: ZooKeeperSession;
  readonly #nodes: MemberNodes;
  readonly #own: OwnNode;
  readonly #listeners = new Set<() => void>();
  /** Callers of start, announce and withdraw; each leaves when satisfied or out of time. */
  readonly #waiters = new Set<Waiter>();
  readonly #retry = new Backoff(...RETRY_MS);
  #members: readonly Member[] = [];
  #listed = false;
  #keepAbsentUntil = 0;
  #saidRefused = '';
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
    sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS,
  }: ZooKeeperMembershipOptions) {
    const address = parseZooKeeperServers(servers);
    const root = `${address.chroot}/cim`;
    this.description = `ZooKeeper at ${servers}`;
    this.#logger = logger;
    this.#session = new ZooKeeperSession({
      servers: address.servers,
      sessionTimeoutMs,
      logger,
      onConnected: (renewed) => this.#onConnected(renewed),
    });
    this.#nodes = new MemberNodes(this.#session, root, logger);
    this.#own = new OwnNode(this.#session, root, logger);
  }

  get connected(): boolean {
    return this.#session.connected;
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
    // A function of its own, so that the same listener given twice is two.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  async announce(self: Member): Promise<void> {
    if (parseNodeName(memberName(self)) === undefined) throw unannounceable(self);
    this.#own.announce(self);
    this.#wakeNow();
    await this.#until(() => this.#own.wanted !== self || (this.#own.settled && this.#lists(self)), WAIT_MS);
  }

  async withdraw(): Promise<void> {
    const self = this.#own.wanted;
    this.#own.withdraw();
    // Without a connection there is nothing to wait for: the node goes when we are back, or with the session.
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
      // What made our session expire (a ZooKeeper that hung) mostly ended everyone's. Whoever lives is back at once;
      // until then a list without them would refuse logins that their servers can take.
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

  /** Answers false when it has to be done again soon. */
  async #round(): Promise<boolean> {
    const session = this.#session.id;
    let settled = await this.#own.settle();
    let list = await this.#nodes.list(this.#onChildrenChanged);
    if (list.kind === 'no-node') {
      const created = await this.#nodes.createRoot();
      if (created.kind !== 'ok') return this.#answered(created);
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
    return this.#answered(settled);
  }

  /** Says once what ZooKeeper refuses; a lost answer is the session's to report. */
  #answered(outcome: Outcome<unknown>): boolean {
    const reason = outcome.kind === 'failed' ? outcome.reason : '';
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
