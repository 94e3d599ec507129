import { type GroupId, LOBBY } from '@cim/protocol';
import type { Streams } from '@cim/store';
import { GroupLog } from './group-log.ts';
import type { Interest } from './interest.ts';
import { realTimers, type Timers } from './timers.ts';

/** The logs of all groups that sessions of this im-server follow. */
export class GroupLogs {
  /** The log of the lobby. It always exists, and this im-server is rung for it without registering. */
  readonly lobby: GroupLog;
  readonly #streams: Streams;
  readonly #interest: Pick<Interest, 'want' | 'drop'>;
  readonly #timers: Timers;
  /** Key: group. Created when the first session is about to follow, removed after the last one has left. */
  readonly #logs = new Map<GroupId, GroupLog>();

  constructor(streams: Streams, interest: Pick<Interest, 'want' | 'drop'>, timers: Timers = realTimers) {
    this.#streams = streams;
    this.#interest = interest;
    this.#timers = timers;
    this.lobby = new GroupLog(LOBBY, streams, timers);
  }

  /** The log of a group; undefined when nobody here follows it. */
  find(group: GroupId): GroupLog | undefined {
    return group === LOBBY ? this.lobby : this.#logs.get(group);
  }

  /** All logs except the lobby's. */
  all(): IterableIterator<GroupLog> {
    return this.#logs.values();
  }

  get size(): number {
    return this.#logs.size;
  }

  /**
   * Announces a session that is about to follow these groups. When it resolves, this im-server is rung for
   * new entries of them, so a log that is read afterwards misses nothing. The caller must call `unreserve` in
   * any case.
   */
  async reserve(groups: readonly GroupId[]): Promise<void> {
    for (const group of groups) this.#open(group).reserve();
    await this.#interest.want(groups);
  }

  unreserve(groups: readonly GroupId[]): void {
    for (const group of groups) this.#logs.get(group)?.unreserve();
  }

  end(): void {
    this.lobby.end();
    for (const log of this.#logs.values()) log.end();
  }

  #open(group: GroupId): GroupLog {
    let log = this.#logs.get(group);
    if (log === undefined) {
      log = new GroupLog(group, this.#streams, this.#timers, (unused) => this.#close(unused));
      this.#logs.set(group, log);
    }
    return log;
  }

  #close(log: GroupLog): void {
    if (this.#logs.get(log.group) !== log) return;
    this.#logs.delete(log.group);
    log.end();
    this.#interest.drop(log.group);
  }
}
