import type { DeviceId, Epoch, InstanceId, NamedUser, UserId } from '@cim/protocol';

/** A session that a login has made and no TCP login has claimed counts as logged in for this long, in ms. */
export const ISSUED_MS = 20_000;
/** How long a server's sessions outlive its last renewal, in ms. Renew every third of it. */
export const LEASE_MS = 30_000;

/** How many devices of a user may have a session under the policy `devices`, unless a setting says otherwise. */
export const MAX_DEVICES = 10;

/** Of one device of a user. */
export interface Session extends NamedUser {
  readonly device: DeviceId;
  /** What its user calls the device; '' for none. */
  readonly label: string;
  /** When it logged in last, or left [ms, the store's clock]. */
  readonly seenAt: number;
  readonly epoch: Epoch;
  readonly state: 'ended' | 'issued' | 'live';
  /** Where it is, or was to be; ANY_INSTANCE while a login that names no im-server waits for its claim. */
  readonly instance: InstanceId;
  /**
   * SHA-256, base64url, of the session secrets that count now. A secret counts until a newer login is claimed or until
   * its user logs out with it; a lost connection takes no secret away. The first is that of `epoch`: '' for a login by
   * name only (CIM's) and after a logout. Those of the logins before it follow, the newest few of them.
   */
  readonly secretHashes: readonly string[];
  /**
   * When the life of the first secret began [ms, the store's clock]: when its login showed a password or a token. A login
   * that showed the secret of a session inherits the time of that secret, so that no secret renews itself for ever.
   */
  readonly createdAt: number;
  /** The same of all other secrets: the earliest. */
  readonly olderCreatedAt: number;
}

/** What holds for a device of a user now, as a server that has a channel of it needs to know it. */
export interface CurrentSession {
  /** Of the live session, also while a newer login is only issued; else of the newest login or logout. 0: there is none. */
  readonly epoch: Epoch;
  /** `replaced`: a login of another device has ended it, under a policy of one session per user. */
  readonly state: Session['state'] | 'replaced';
}

/** A device of a user: the identity of a session. */
export interface UserDevice {
  readonly userId: UserId;
  readonly device: DeviceId;
}

export interface SessionAt {
  readonly device: DeviceId;
  readonly instance: InstanceId;
  readonly epoch: Epoch;
}

/**
 * What a login was checked by. A change of the password, or a logout, may come between the check and `issue`: the store
 * looks again in the same step that issues.
 */
export type LoginProof =
  | {
      /**
       * `reject`: one session per user, a second login is refused. `kick`: one session per user, the newest wins.
       * `devices`: one session per device, the newest of a device wins; but of the devices `cim` and `default`, which are
       * no one installation, a second login is refused.
       */
      readonly policy: 'reject' | 'kick' | 'devices';
      /** The account's hash that the password was checked against; absent for an account without a password. */
      readonly passwordHash?: string | undefined;
    }
  | {
      /** The caller has shown the secret of a session, which the new one replaces under any policy. */
      readonly policy: 'replace';
      /** `user`: there is one session per user; `device`: one per device, and the secret is that of this device. */
      readonly one: 'user' | 'device';
      /** SHA-256, base64url, of that secret. */
      readonly shownHash: string;
    };

export type IssueAnswer =
  | { readonly outcome: 'issued'; readonly epoch: Epoch }
  /**
   * Policy `reject`, and the user has a session: live on an instance whose lease lives, or issued lately; or policy
   * `devices`, and this device has. `live` is where channels are open, if any is: one may be there beside a login that was
   * issued lately.
   */
  | { readonly outcome: 'repeat'; readonly live: readonly SessionAt[] }
  /** Policy `devices`, and so many other devices have a session, or a secret that counts, that this one would be one too many. */
  | { readonly outcome: 'too-many' }
  /** The account has another password hash by now, or the secret that was shown counts no more. Nothing was issued; check again. */
  | { readonly outcome: 'stale' };

export type ClaimAnswer =
  /**
   * `previous` are the sessions that this one replaces and that may still be open: kick them. `others` are the other
   * devices of the user that are live: they are told of this one.
   */
  | {
      readonly outcome: 'claimed';
      readonly epoch: Epoch;
      readonly userName: string;
      readonly device: DeviceId;
      readonly label: string;
      /** When the life of its secret began [ms, the store's clock]; 0: it has no secret. */
      readonly createdAt: number;
      readonly previous: readonly SessionAt[];
      readonly others: readonly SessionAt[];
    }
  /** No session issued for this user at this instance, or no longer the current one. */
  | { readonly outcome: 'refused' };

/**
 * Sessions: one per device of a user, fenced by epochs, and the leases of the servers that hold them. Under the policies
 * `reject` and `kick` a user has one at a time, whatever its device. A login that is only issued takes nothing from the
 * live session before it: that one is located, acks and is named online until the claim.
 * Time is the store's clock. Every call is safe to repeat. All may throw when the store does not answer.
 */
export interface Sessions {
  /**
   * Makes the user's next epoch, above all before it of any device, `issued` at that instance, if the proof still
   * counts. The record of a device lives until its session has ended and no secret counts, and 90 days longer.
   */
  issue(
    request: LoginProof & {
      readonly user: NamedUser;
      readonly device: DeviceId;
      readonly label: string;
      /** Under `devices`: how many devices a user may have, with this one. */
      readonly maxDevices?: number;
      /** Where it may be claimed; ANY_INSTANCE: at whichever im-server claims it first, which is where it is from then on. */
      readonly instance: InstanceId;
      /** Of the new session; '' for a login without a secret. */
      readonly secretHash: string;
    },
  ): Promise<IssueAnswer>;

  /**
   * The TCP login: `issued` becomes `live`, once. `epoch` for a ticket, whatever the device; `userName` for a CIM login
   * (exact name) of the device `cim`.
   * A login that was issued with a secret is never claimed by name: a name is no secret.
   * `claim` is random per attempt to log in: repeating a call with it answers as the first did.
   * Adds the user to the instance's online set.
   */
  claim(request: {
    readonly userId: UserId;
    readonly instance: InstanceId;
    readonly epoch?: Epoch;
    readonly userName?: string;
    readonly claim: string;
  }): Promise<ClaimAnswer>;

  /**
   * After its lease lapsed, a server moves the sessions that are still current to its new instance id.
   * Answers, one for one, whether the session is (still) live and now at `to`. Adds those to `to`'s online set.
   */
  reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]>;

  /**
   * Ends the session if `epoch` is the device's newest, or the live one before a login that is only issued; a late call of
   * an old session changes nothing. The device leaves the online set of `instance` in any case, unless a newer session of
   * it is live there.
   */
  release(of: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void>;

  /**
   * The logout. It ends the live session and the issued login, takes a new epoch if one of them has a secret (so that
   * acks and other late acts of what it ended do nothing; the ack of a CIM client comes behind its logout) and forgets
   * every secret, also those of a session that had ended before. Answers where the open channels are, or were to be, so
   * that the caller can close them; empty when nothing was left to end.
   * @param which `secretHash`: only the login that this secret belongs to and the logins of its device before it; a newer
   * login and its secret stay. `device`: whatever is current of that device. Undefined: of all devices, as CIM's bare
   * `/offLine`.
   */
  end(
    userId: UserId,
    which?: { readonly secretHash: string } | { readonly device: DeviceId },
  ): Promise<SessionAt[]>;

  /** The records of all devices as they stand, leases not looked at; the newest login first. */
  find(userId: UserId): Promise<Session[]>;
  /** Where the user is live, on instances whose leases live, whatever logins have been issued since; one for each device. */
  locate(userId: UserId): Promise<SessionAt[]>;
  /** What holds for each device, one for one, in one round trip. */
  epochs(of: readonly UserDevice[]): Promise<CurrentSession[]>;

  /** Starts the lease of a new instance. Throws when the id is taken. */
  openLease(instance: InstanceId): Promise<void>;
  /** False when it has lapsed: it is never revived, take a new instance id. */
  renewLease(instance: InstanceId): Promise<boolean>;
  /** Ends it at once, with its online set. */
  closeLease(instance: InstanceId): Promise<void>;

  /** Everybody in the online set of an instance, once however many devices; [] when its lease is gone. Order unspecified. */
  online(instance: InstanceId): Promise<NamedUser[]>;
}
