import {
  ANY_INSTANCE,
  CimError,
  type DeviceId,
  type Epoch,
  type InstanceId,
  type NamedUser,
  type UserId,
} from '@cim/protocol';
import { randomText } from '@cim/runtime';
import {
  type ClaimAnswer,
  type CurrentSession,
  type IssueAnswer,
  MAX_DEVICES,
  type Session,
  type SessionAt,
  type Sessions,
  type UserDevice,
} from '../sessions.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Script } from './script.ts';
import {
  allSessions,
  FLAT_FIELDS,
  flatStandingOf,
  openOf,
  sessionsOf,
  standingOf,
} from './session-records.ts';
import {
  CLAIM,
  END,
  ENTER,
  ISSUE,
  LEAVE,
  OPEN,
  RECLAIM,
  RELEASE,
  RENEW,
  SHORTEN,
} from './session-scripts.ts';

/**
 * Most tries of one login. Logins of one user at the same time may each find open channels at im-servers not
 * asked yet.
 */
const ISSUE_TRIES = 32;
/** The record of a device outlives its session by this time [ms]: 90 days. */
const KEPT_MS = 90 * 24 * 3_600_000;
const SCAN_COUNT = 1_000;
/** The answer of PTTL for a missing key. */
const NO_KEY = -2;

export interface RedisSessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
}

export class RedisSessions implements Sessions {
  readonly #link: RedisLink;
  readonly #times: RedisSessionTimes;
  /**
   * Whether one server holds a user's session and the online set of an instance, so that one call reaches
   * both.
   */
  readonly #together: boolean;

  constructor(link: RedisLink, times: RedisSessionTimes) {
    this.#link = link;
    this.#together = link.url.kind !== 'cluster';
    this.#times = times;
  }

  async issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { user, device, label, instance, policy, secretHash } = request;
    const { issuedMs } = this.#times;
    const keys = [key.session(user.userId), key.account(user.userId), key.cursors(user.userId)];
    const one = policy === 'replace' ? request.one : policy === 'devices' ? 'device' : 'user';
    const checkedBy = policy === 'replace' ? request.shownHash : (request.passwordHash ?? '');
    // When the connection breaks, this process does not learn whether the login was made, and sends it again.
    const made = [policy, one, device, label, instance, user.userName, secretHash, issuedMs, newAttempt()];
    const args = [...made, checkedBy, request.maxDevices ?? MAX_DEVICES, KEPT_MS];
    /**
     * Key: instance. Leases lie in other shards, so they are asked for between two calls. A lapsed lease
     * never revives.
     */
    const leases = new Map<string, boolean>();
    for (let i = 0; i < ISSUE_TRIES; i++) {
      const known = [...leases].flatMap(([at, lives]) => [at, lives ? 1 : 0]);
      const [outcome, ...answer] = (await this.#run(ISSUE, keys, [...args, ...known])) as string[];
      if (outcome === 'issued') return { outcome, epoch: Number(answer[0]) as Epoch };
      if (outcome === 'repeat') return { outcome, live: sessionsOf(answer[0]) };
      if (outcome !== 'again') return { outcome: outcome === 'too-many' ? outcome : 'stale' };
      for (const at of answer) leases.set(at, await this.#lives(at as InstanceId));
    }
    throw new CimError('failure', 'too many logins of one user at once');
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    // When both are absent they must not match a session without a name.
    if (epoch === undefined && userName === undefined) return { outcome: 'refused' };
    const { leaseMs, issuedMs } = this.#times;
    const args = [instance, epoch ?? '', userName ?? '', claim, userId, leaseMs, issuedMs];
    const answer = (await this.#run(CLAIM, this.#withOnline(userId, instance), args)) as string[];
    const [claimed, name = '', device, label = '', previous, others, createdAt] = answer;
    if (claimed === undefined) return { outcome: 'refused' };
    const session = {
      userName: name,
      device: device as DeviceId,
      epoch: Number(claimed) as Epoch,
    };
    if (!this.#together) await this.#enter({ userId, ...session }, instance);
    return {
      outcome: 'claimed',
      ...session,
      label,
      createdAt: Number(createdAt),
      previous: sessionsOf(previous),
      others: sessionsOf(others),
    };
  }

  async reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]> {
    return Promise.all(
      sessions.map(async (session) => {
        const { userId, device, epoch } = session;
        const moved = await this.#run(RECLAIM, [key.session(userId)], [device, epoch, to]);
        if (moved === 1) await this.#enter(session, to);
        return moved === 1;
      }),
    );
  }

  async release({ userId, device }: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void> {
    await this.#run(RELEASE, this.#withOnline(userId, instance), [device, epoch, userId]);
    if (!this.#together) await this.#run(LEAVE, [key.online(instance)], [userId, device, epoch]);
  }

  async end(userId: UserId, which?: Parameters<Sessions['end']>[1]): Promise<SessionAt[]> {
    const [secret, of] =
      which === undefined ? ['', ''] : 'device' in which ? ['', which.device] : [which.secretHash, ''];
    const answer = (await this.#run(END, [key.session(userId)], [secret, of])) as string[];
    const ended: SessionAt[] = [];
    for (let i = 0; i + 4 < answer.length; i += 5) {
      const device = answer[i] as DeviceId;
      const [newest, open] = [1, 3].map((at) => ({
        device,
        instance: answer[i + at] as InstanceId,
        epoch: Number(answer[i + at + 1]) as Epoch,
      }));
      const left = [newest, open].filter(
        (at) => at !== undefined && at.instance !== '' && at.instance !== ANY_INSTANCE,
      ) as SessionAt[];
      for (const instance of new Set(left.map((at) => at.instance)))
        await this.#run(
          LEAVE,
          [key.online(instance)],
          [userId, device, Math.max(...left.map((at) => at.epoch))],
        );
      ended.push(...left.slice(-1));
    }
    return ended;
  }

  async find(userId: UserId): Promise<Session[]> {
    return allSessions(userId, await this.#link.ask((redis) => redis.hgetall(key.session(userId))));
  }

  async locate(userId: UserId): Promise<SessionAt[]> {
    const open = openOf(await this.#link.ask((redis) => redis.hgetall(key.session(userId))));
    const [first] = open;
    // Nearly all users have one session.
    if (open.length <= 1) return first !== undefined && (await this.#lives(first.instance)) ? open : [];
    const servers = [...new Set(open.map(({ instance }) => instance))];
    const lives = await Promise.all(servers.map((at) => this.#lives(at)));
    return open.filter(({ instance }) => lives[servers.indexOf(instance)]);
  }

  async epochs(of: readonly UserDevice[]): Promise<CurrentSession[]> {
    if (of.length === 0) return [];
    const records = await this.#link.ask((redis) =>
      Promise.all(of.map(({ userId, device }) => redis.hmget(key.session(userId), device, ...FLAT_FIELDS))),
    );
    return records.map(([record, ...flat], i) => {
      const device = of[i]?.device ?? '';
      const standing = typeof record === 'string' ? standingOf(device, record) : flatStandingOf(device, flat);
      return { epoch: standing?.epoch ?? (0 as Epoch), state: standing?.state ?? 'ended' };
    });
  }

  async openLease(instance: InstanceId): Promise<void> {
    const opened = await this.#run(OPEN, [key.lease(instance)], [newAttempt(), this.#times.leaseMs]);
    if (opened !== 1) throw new CimError('failure', `the instance id ${instance} is taken`);
  }

  async renewLease(instance: InstanceId): Promise<boolean> {
    const keys = [key.lease(instance), key.online(instance)];
    return (await this.#run(RENEW, keys, [this.#times.leaseMs])) === 1;
  }

  async closeLease(instance: InstanceId): Promise<void> {
    await this.#link.ask((redis) => redis.unlink(key.lease(instance), key.online(instance)));
  }

  async online(instance: InstanceId): Promise<NamedUser[]> {
    if (!(await this.#lives(instance))) return [];
    // A scan may answer a user twice.
    const users = new Map<UserId, NamedUser>();
    let cursor = '0';
    do {
      const from = cursor;
      const [next, rows] = await this.#link.ask((redis) =>
        redis.hscan(key.online(instance), from, 'COUNT', SCAN_COUNT),
      );
      for (let i = 0; i + 1 < rows.length; i += 2) {
        const userId = Number(rows[i]) as UserId;
        const value = rows[i + 1] ?? '';
        users.set(userId, { userId, userName: value.slice(value.indexOf(' ') + 1) });
      }
      cursor = next;
    } while (cursor !== '0');
    return [...users.values()];
  }

  #withOnline(user: UserId, instance: InstanceId): string[] {
    return this.#together ? [key.session(user), key.online(instance)] : [key.session(user)];
  }

  async #enter(
    session: NamedUser & UserDevice & { readonly epoch: Epoch },
    instance: InstanceId,
  ): Promise<void> {
    const { userId, device, epoch, userName } = session;
    const args = [userId, device, epoch, userName, this.#times.leaseMs];
    await this.#run(ENTER, [key.online(instance)], args);
  }

  #run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#link.ask((redis) => script.run(redis, keys, args));
  }

  /** Whether the lease is valid. If the clock of Redis went back, no lease lives longer because of it. */
  async #lives(instance: InstanceId): Promise<boolean> {
    const lease = key.lease(instance);
    const leftMs = await this.#link.ask((redis) => redis.pttl(lease));
    if (leftMs > this.#times.leaseMs) await this.#run(SHORTEN, [lease], [this.#times.leaseMs]);
    return leftMs !== NO_KEY;
  }
}

/** A text that distinguishes a call that is sent twice from two calls. */
const newAttempt = (): string => randomText(12);
