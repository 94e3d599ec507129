import {
  CIM_DEVICE,
  CimError,
  type DeviceId,
  type Epoch,
  type InstanceId,
  type NamedUser,
  type UserId,
} from '@cim/protocol';
import { randomText } from '@cim/runtime';
import type {
  ClaimAnswer,
  CurrentSession,
  IssueAnswer,
  Session,
  SessionAt,
  Sessions,
  UserDevice,
} from '../sessions.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import type { Script } from './script.ts';
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

/** Logins of one user that meet: each sees the other's epoch at the next try. */
const ISSUE_TRIES = 32;
const SCAN_COUNT = 1_000;
/** PTTL's answer for a key that is not there. */
const NO_KEY = -2;

export interface RedisSessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
}

export class RedisSessions implements Sessions {
  readonly #link: RedisLink;
  readonly #times: RedisSessionTimes;
  /** One server holds a user's session and the online set of an instance: one call reaches both. */
  readonly #together: boolean;

  constructor(link: RedisLink, times: RedisSessionTimes) {
    this.#link = link;
    this.#together = link.url.kind !== 'cluster';
    this.#times = times;
  }

  async issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { user, device, label, instance, policy, secretHash } = request;
    const keys = [key.session(user.userId), key.account(user.userId)];
    const checkedBy = request.policy === 'replace' ? request.shownHash : (request.passwordHash ?? '');
    // A connection that breaks is not told whether the login was made, and sends it again.
    const attempt = newAttempt();
    for (let i = 0; i < ISSUE_TRIES; i++) {
      // Most who log in have no open channel, and then there is nothing to look at before.
      const { epoch, state, open } = i === 0 ? UNSEEN : await this.#look(user.userId);
      // Another shard, so another call; the script sees to it that nothing has changed since.
      const lease = open !== undefined && (await this.#lives(open.instance));
      const seen = [epoch, state, open?.instance ?? '', lease ? 1 : 0] as const;
      const made = [policy, instance, user.userName, secretHash, this.#times.issuedMs, attempt] as const;
      const answer = String(await this.#run(ISSUE, keys, [...seen, ...made, checkedBy, device, label]));
      if (answer === 'stale') return { outcome: 'stale' };
      if (answer === 'repeat') return { outcome: 'repeat', live: lease ? [open] : [] };
      if (answer !== 'again') return { outcome: 'issued', epoch: Number(answer) as Epoch };
    }
    throw new CimError('failure', 'too many logins of one user at once');
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    // Both absent must not match a session without a name.
    if (epoch === undefined && userName === undefined) return { outcome: 'refused' };
    const { leaseMs, issuedMs } = this.#times;
    const args = [instance, epoch ?? '', userName ?? '', claim, userId, leaseMs, issuedMs];
    const answer = (await this.#run(CLAIM, this.#withOnline(userId, instance), args)) as string[];
    const [claimed, name, prevInstance = '', prevEpoch, device = '', label = ''] = answer;
    if (claimed === undefined || name === undefined) return { outcome: 'refused' };
    const session = { userId, userName: name, epoch: Number(claimed) as Epoch };
    if (!this.#together) await this.#enter(session, instance);
    return {
      outcome: 'claimed',
      epoch: session.epoch,
      userName: name,
      device: device as DeviceId,
      label,
      previous: [sessionAt(prevInstance, prevEpoch, device) ?? []].flat(),
      others: [],
    };
  }

  async reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]> {
    return Promise.all(
      sessions.map(async (session) => {
        const moved = await this.#run(RECLAIM, [key.session(session.userId)], [session.epoch, to]);
        if (moved === 1) await this.#enter(session, to);
        return moved === 1;
      }),
    );
  }

  async release({ userId }: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void> {
    await this.#run(RELEASE, this.#withOnline(userId, instance), [epoch, userId]);
    if (!this.#together) await this.#run(LEAVE, [key.online(instance)], [userId, epoch]);
  }

  async end(userId: UserId, which?: Parameters<Sessions['end']>[1]): Promise<SessionAt[]> {
    const [secret, device] =
      which === undefined ? ['', ''] : 'device' in which ? ['', which.device] : [which.secretHash, ''];
    const ended = (await this.#run(END, [key.session(userId)], [secret, device])) as string[];
    const of = ended[4] ?? '';
    const [newest, open] = [sessionAt(ended[0], ended[1], of), sessionAt(ended[2], ended[3], of)];
    const last = newest ?? open;
    if (last === undefined) return [];
    for (const instance of new Set([last.instance, open?.instance ?? last.instance]))
      await this.#run(LEAVE, [key.online(instance)], [userId, last.epoch]);
    return [open ?? last];
  }

  async find(userId: UserId): Promise<Session[]> {
    const names = [
      'epoch',
      'state',
      'instance',
      'name',
      'secret',
      'older',
      'device',
      'label',
      'seenAt',
    ] as const;
    const [epoch, state, instance, userName, secret, older, device, label, seenAt] = await this.#fields(
      userId,
      ...names,
    );
    if (epoch === '') return [];
    const session = {
      userId,
      userName,
      device: (device || CIM_DEVICE) as DeviceId,
      label,
      seenAt: Number(seenAt),
      epoch: Number(epoch) as Epoch,
      state: stateOf(state),
      instance: instance as InstanceId,
      secretHashes: [secret, ...(older === '' ? [] : older.split(' '))],
    };
    return [session];
  }

  async locate(userId: UserId): Promise<SessionAt[]> {
    const { open } = await this.#look(userId);
    return open !== undefined && (await this.#lives(open.instance)) ? [open] : [];
  }

  async epochs(of: readonly UserDevice[]): Promise<CurrentSession[]> {
    if (of.length === 0) return [];
    const looks = await this.#link.ask((redis) =>
      Promise.all(of.map(({ userId }) => redis.hmget(key.session(userId), ...LOOK))),
    );
    return looks.map((look) => {
      const { epoch, state, open } = lookOf(look);
      return open === undefined ? { epoch, state: stateOf(state) } : { epoch: open.epoch, state: 'live' };
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
    // A scan may show a user twice.
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

  async #enter(session: NamedUser & { readonly epoch: Epoch }, instance: InstanceId): Promise<void> {
    const { userId, epoch, userName } = session;
    await this.#run(ENTER, [key.online(instance)], [userId, epoch, userName, this.#times.leaseMs]);
  }

  #run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#link.ask((redis) => script.run(redis, keys, args));
  }

  /** Whether the lease lives. The clock of Redis may have gone back: no lease lives longer for that. */
  async #lives(instance: InstanceId): Promise<boolean> {
    const lease = key.lease(instance);
    const leftMs = await this.#link.ask((redis) => redis.pttl(lease));
    if (leftMs > this.#times.leaseMs) await this.#run(SHORTEN, [lease], [this.#times.leaseMs]);
    return leftMs !== NO_KEY;
  }

  async #look(userId: UserId): Promise<Look> {
    return lookOf(await this.#link.ask((redis) => redis.hmget(key.session(userId), ...LOOK)));
  }

  /** '' for a field that is not there. */
  async #fields<const F extends readonly string[]>(
    userId: UserId,
    ...fields: F
  ): Promise<{ [K in keyof F]: string }> {
    const values = await this.#link.ask((redis) => redis.hmget(key.session(userId), ...fields));
    return values.map((value) => value ?? '') as { [K in keyof F]: string };
  }
}

const LOOK = ['epoch', 'state', 'instance', 'prevInstance', 'prevEpoch', 'device'] as const;

interface Look {
  readonly epoch: Epoch;
  readonly state: string;
  /** The live session, or the one before an unclaimed login. */
  readonly open: SessionAt | undefined;
}

const UNSEEN = { epoch: '', state: '', open: undefined } as const;

function lookOf([epoch, state, instance, prevInstance, prevEpoch, device]: readonly (string | null)[]): Look {
  const before = state === 'issued' ? sessionAt(prevInstance, prevEpoch, device) : undefined;
  return {
    epoch: Number(epoch) as Epoch,
    state: state ?? '',
    open: state === 'live' ? sessionAt(instance, epoch, device) : before,
  };
}

const stateOf = (stored: string): Session['state'] =>
  stored === 'issued' || stored === 'live' ? stored : 'ended';

const sessionAt = (
  instance: string | null | undefined,
  epoch: string | null | undefined,
  device: string | null | undefined,
): SessionAt | undefined =>
  instance === undefined || instance === null || instance === ''
    ? undefined
    : {
        device: (device || CIM_DEVICE) as DeviceId,
        instance: instance as InstanceId,
        epoch: Number(epoch) as Epoch,
      };

/** What tells a call that is sent twice from two calls. */
const newAttempt = (): string => randomText(12);
