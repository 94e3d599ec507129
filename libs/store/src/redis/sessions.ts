import type { Epoch, InstanceId, NamedUser, UserId } from '@cim/protocol';
import type { ClaimAnswer, IssueAnswer, Session, SessionAt, Sessions } from '../sessions.ts';
import type { Connection } from './connection.ts';
import { key } from './keys.ts';
import { textOf } from './script.ts';
import { CLAIM, END, ENTER, ISSUE, LEAVE, RECLAIM, RENEW } from './session-scripts.ts';

/** Logins of one user that meet: each sees the other's epoch at the next try. */
const ISSUE_TRIES = 8;
const SCAN_COUNT = 1_000;

export interface RedisSessionTimes {
  readonly leaseMs: number;
  readonly issuedMs: number;
}

export class RedisSessions implements Sessions {
  readonly #redis: Connection;
  readonly #times: RedisSessionTimes;

  constructor(redis: Connection, times: RedisSessionTimes) {
    this.#redis = redis;
    this.#times = times;
  }

  async issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { user, instance, policy, secretHash } = request;
    for (let i = 0; i < ISSUE_TRIES; i++) {
      const [epoch, state, at] = await this.#redis.hmget(
        key.session(user.userId),
        'epoch',
        'state',
        'instance',
      );
      // Another shard, so another call; the script sees to it that nothing has changed since.
      const lease = state === 'live' ? await this.#redis.exists(key.lease(at as InstanceId)) : 0;
      const answer = textOf(
        await ISSUE.run(
          this.#redis,
          [key.session(user.userId)],
          [
            epoch ?? '0',
            state ?? '',
            lease,
            policy,
            instance,
            user.userName,
            secretHash,
            this.#times.issuedMs,
          ],
        ),
      );
      if (answer === 'repeat') return { outcome: 'repeat' };
      if (answer !== 'again') return { outcome: 'issued', epoch: Number(answer) as Epoch };
    }
    throw new Error('too many logins of one user at once');
  }

  async claim(request: Parameters<Sessions['claim']>[0]): Promise<ClaimAnswer> {
    const { userId, instance, epoch, userName, claim } = request;
    const answer = (await CLAIM.run(
      this.#redis,
      [key.session(userId)],
      [instance, epoch ?? '', userName ?? '', claim],
    )) as string[];
    const [claimed, name, prevInstance, prevEpoch] = answer;
    if (claimed === undefined || name === undefined) return { outcome: 'refused' };
    await this.#enter({ userId, userName: name, epoch: Number(claimed) as Epoch }, instance);
    return {
      outcome: 'claimed',
      epoch: Number(claimed) as Epoch,
      userName: name,
      ...(prevInstance === undefined || prevInstance === ''
        ? {}
        : { previous: { instance: prevInstance as InstanceId, epoch: Number(prevEpoch) as Epoch } }),
    };
  }

  async reclaim(
    sessions: readonly (NamedUser & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]> {
    return Promise.all(
      sessions.map(async (session) => {
        const moved = await RECLAIM.run(this.#redis, [key.session(session.userId)], [session.epoch, to]);
        if (moved === 1) await this.#enter(session, to);
        return moved === 1;
      }),
    );
  }

  async release(userId: UserId, epoch: Epoch, instance: InstanceId): Promise<void> {
    await END.run(this.#redis, [key.session(userId)], [epoch]);
    await LEAVE.run(this.#redis, [key.online(instance)], [userId, epoch]);
  }

  async end(userId: UserId): Promise<SessionAt | undefined> {
    const [at, epoch] = (await END.run(this.#redis, [key.session(userId)], [''])) as string[];
    if (at === undefined || epoch === undefined) return undefined;
    const instance = at as InstanceId;
    await LEAVE.run(this.#redis, [key.online(instance)], [userId, epoch]);
    return { instance, epoch: Number(epoch) as Epoch };
  }

  async find(userId: UserId): Promise<Session | undefined> {
    const [epoch, state, instance, name, secret] = await this.#redis.hmget(
      key.session(userId),
      ...['epoch', 'state', 'instance', 'name', 'secret'],
    );
    if (epoch === undefined || epoch === null) return undefined;
    return {
      userId,
      userName: name ?? '',
      epoch: Number(epoch) as Epoch,
      state: state === 'issued' || state === 'live' ? state : 'ended',
      instance: (instance ?? '') as InstanceId,
      secretHash: secret ?? '',
    };
  }

  async locate(userId: UserId): Promise<SessionAt | undefined> {
    const [epoch, state, at] = await this.#redis.hmget(key.session(userId), 'epoch', 'state', 'instance');
    if (state !== 'live' || at === undefined || at === null) return undefined;
    const instance = at as InstanceId;
    if ((await this.#redis.exists(key.lease(instance))) === 0) return undefined;
    return { instance, epoch: Number(epoch) as Epoch };
  }

  async epochs(userIds: readonly UserId[]): Promise<Epoch[]> {
    const answers = await Promise.all(userIds.map((id) => this.#redis.hget(key.session(id), 'epoch')));
    return answers.map((epoch) => Number(epoch ?? 0) as Epoch);
  }

  async openLease(instance: InstanceId): Promise<void> {
    const opened = await this.#redis.set(key.lease(instance), '1', 'PX', this.#times.leaseMs, 'NX');
    if (opened === null) throw new Error(`the instance id ${instance} is taken`);
  }

  async renewLease(instance: InstanceId): Promise<boolean> {
    const keys = [key.lease(instance), key.online(instance)];
    return (await RENEW.run(this.#redis, keys, [this.#times.leaseMs])) === 1;
  }

  async closeLease(instance: InstanceId): Promise<void> {
    await this.#redis.unlink(key.lease(instance), key.online(instance));
  }

  async online(instance: InstanceId): Promise<NamedUser[]> {
    if ((await this.#redis.exists(key.lease(instance))) === 0) return [];
    const users = new Map<UserId, NamedUser>();
    let cursor = '0';
    do {
      const [next, rows] = await this.#redis.hscan(key.online(instance), cursor, 'COUNT', SCAN_COUNT);
      for (let i = 0; i + 1 < rows.length; i += 2) {
        const userId = Number(rows[i]) as UserId;
        const value = rows[i + 1] ?? '';
        users.set(userId, { userId, userName: value.slice(value.indexOf(' ') + 1) });
      }
      cursor = next;
    } while (cursor !== '0');
    return [...users.values()];
  }

  async #enter(session: NamedUser & { readonly epoch: Epoch }, instance: InstanceId): Promise<void> {
    await ENTER.run(
      this.#redis,
      [key.online(instance)],
      [session.userId, session.epoch, session.userName, this.#times.leaseMs],
    );
  }
}
