import type { DeviceId, Epoch, InstanceId, NamedUser, UserId } from '@cim/protocol';

/** A session that a login has made and no TCP login has claimed counts as logged in for this long [ms]. */
export const ISSUED_MS = 20_000;
/** The sessions of a server outlive its last renewal by this time [ms]. Renew every third of it. */
export const LEASE_MS = 30_000;

/** Most devices of a user with a session under the policy `devices`, unless a setting says otherwise. */
export const MAX_DEVICES = 10;

/** The session of one device of a user. */
export interface Session extends NamedUser {
  readonly device: DeviceId;
  /** The user's name for the device; '' for none. */
  readonly label: string;
  /** When the device last logged in or left [ms, the store's clock]. */
  readonly seenAt: number;
  readonly epoch: Epoch;
  readonly state: 'ended' | 'issued' | 'live';
  /**
   * The im-server where the session is, or was to be. ANY_INSTANCE while a login that names no im-server
   * waits for its claim.
   */
  readonly instance: InstanceId;
  /**
   * SHA-256, base64url, of the valid session secrets. A secret is valid until a newer login is claimed, or
   * until its user logs out with it; a lost connection does not end it. The first is that of `epoch`: '' for
   * a login by name only (CIM's) and after a logout. Those of earlier logins follow, the newest few of them.
   */
  readonly secretHashes: readonly string[];
  /**
   * When the life of the first secret began [ms, the store's clock]: when its login showed a password or a
   * token. A login that showed the secret of a session inherits the time of that secret, so no secret can
   * renew itself for ever.
   */
  readonly createdAt: number;
  /** The earliest such time of all other secrets. */
  readonly olderCreatedAt: number;
}

/** The current session of a device, for a server that has a channel of the device. */
export interface CurrentSession {
  /**
   * Epoch of the live session, also while a newer login is only issued; else of the newest login or logout.
   * 0: there is none.
   */
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
 * How a login was checked. A change of the password, or a logout, may come between the check and `issue`, so
 * the store checks the proof again in the step that issues.
 */
export type LoginProof =
  | {
      /**
       * `reject`: one session per user; a second login is refused. `kick`: one session per user; the newest
       * wins. `devices`: one session per device; the newest of a device wins. The devices `cim` and `default`
       * stand for many installations, so there a second login is refused.
       */
      readonly policy: 'reject' | 'kick' | 'devices';
      /** The account's hash that the password was checked against. Absent for an account without a password. */
      readonly passwordHash?: string | undefined;
    }
  | {
      /** The caller has shown the secret of a session. The new session replaces that one under any policy. */
      readonly policy: 'replace';
      /** `user`: one session per user. `device`: one per device, and the secret belongs to this device. */
      readonly one: 'user' | 'device';
      /** SHA-256, base64url, of the shown secret. */
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
   * `previous` are the replaced sessions that may still be open: kick them. `others` are the other live
   * devices of the user: tell them of this one.
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
 * Sessions, one per device of a user, fenced by epochs, and the leases of the servers that hold them. Under
 * the policies `reject` and `kick` a user has one session at a time, on any device. A login that is only
 * issued changes nothing of the live session before it: until the claim that session is located, acks and is
 * online. All times are by the store's clock. Every call is safe to repeat. All calls may throw when the
 * store does not answer.
 */
export interface Sessions {
  /**
   * Makes the user's next epoch, above all earlier ones of any device, `issued` at that instance, if the
   * proof is still valid. The record of a device lives until its session has ended and no secret is valid,
   * and 90 days longer.
   */
  issue(
    request: LoginProof & {
      readonly user: NamedUser;
      readonly device: DeviceId;
      readonly label: string;
      /** Under `devices`: how many devices a user may have, including this one. */
      readonly maxDevices?: number;
      /**
       * The im-server that may claim it. ANY_INSTANCE: the first one that claims it, where the session is
       * from then on.
       */
      readonly instance: InstanceId;
      /** Hash of the secret of the new session; '' for a login without a secret. */
      readonly secretHash: string;
    },
  ): Promise<IssueAnswer>;

  /**
   * The TCP login: `issued` becomes `live`, once. A ticket claims by `epoch`, for any device. A CIM login
   * claims by `userName` (exact name), for the device `cim`. A login that was issued with a secret is never
   * claimed by name, since a name is not a secret. `claim` is random for each attempt to log in: a repeated
   * call with it gets the same answer. Adds the user to the instance's online set.
   */
  claim(request: {
    readonly userId: UserId;
    readonly instance: InstanceId;
    readonly epoch?: Epoch;
    readonly userName?: string;
    readonly claim: string;
  }): Promise<ClaimAnswer>;

  /**
   * After its lease lapsed, a server moves its current sessions to its new instance id. Answers for each
   * session whether it is live and now at `to`, and adds those to the online set of `to`.
   */
  reclaim(
    sessions: readonly (NamedUser & UserDevice & { readonly epoch: Epoch })[],
    to: InstanceId,
  ): Promise<boolean[]>;

  /**
   * Ends the session if `epoch` is the device's newest, or that of the live session before a login that is
   * only issued. A late call of an old session changes nothing. The device leaves the online set of
   * `instance` in any case, unless a newer session of it is live there.
   */
  release(of: UserDevice, epoch: Epoch, instance: InstanceId): Promise<void>;

  /**
   * The logout. It ends the live session and the issued login. It takes a new epoch if one of them has a
   * secret, so that acks and other late acts of the ended session do nothing; the ack of a CIM client comes
   * after its logout. It forgets every secret, also those of a session that had ended before. It answers
   * where the open channels are, or were to be, so that the caller can close them; empty when nothing was
   * left to end.
   * @param which `secretHash`: the login of this secret and the earlier logins of its device; a newer login
   * and its secret stay. `device`: everything of that device. Undefined: all devices, as CIM's bare
   * `/offLine`.
   */
  end(
    userId: UserId,
    which?: { readonly secretHash: string } | { readonly device: DeviceId },
  ): Promise<SessionAt[]>;

  /** The records of all devices, without regard to leases; the newest login first. */
  find(userId: UserId): Promise<Session[]>;
  /**
   * Where the user is live, on instances with a valid lease, whatever logins were issued since; one for each
   * device.
   */
  locate(userId: UserId): Promise<SessionAt[]>;
  /** The current session of each device, one answer for each, in one round trip. */
  epochs(of: readonly UserDevice[]): Promise<CurrentSession[]>;

  /** Starts the lease of a new instance. Throws when the id is taken. */
  openLease(instance: InstanceId): Promise<void>;
  /** Renews a lease. False when it has lapsed: it never revives, so take a new instance id. */
  renewLease(instance: InstanceId): Promise<boolean>;
  /** Ends a lease at once, with its online set. */
  closeLease(instance: InstanceId): Promise<void>;

  /**
   * The users in the online set of an instance, each once; [] when its lease is gone. The order is
   * unspecified.
   */
  online(instance: InstanceId): Promise<NamedUser[]>;
}
