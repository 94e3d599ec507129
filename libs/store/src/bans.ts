import { isUserId, type UserId } from '@cim/protocol';
import { addressGroup } from '@cim/runtime';
import { isIP } from 'node:net';

/** The subject of a suspension: `user:1001`, `address:192.0.2.1`, `address:2001:db8:0:0::/64`. */
export type Subject = `user:${number}` | `address:${string}`;

export const userSubject = (user: UserId): Subject => `user:${user}`;
/** @param address in the form of `addressGroup` */
export const addressSubject = (address: string): Subject => `address:${address}`;

/**
 * Parses what a person writes: a user id, an address, a /64, or a subject. Undefined when it is none of
 * these.
 */
export function parseSubject(text: string): Subject | undefined {
  const name = text.replace(/^(user|address):/, '');
  if (/^\d+$/.test(name) && isUserId(Number(name))) return userSubject(Number(name) as UserId);
  const [ip = '', bits] = name.split('/');
  const version = isIP(ip);
  if (version === 0 || (bits !== undefined && !(version === 6 && bits === '64'))) return undefined;
  return addressSubject(addressGroup(ip));
}

/** Lengths of suspensions [ms]: the first, the second within a day after the end of the first, and so on. */
export const SUSPENSION_MS = [60_000, 300_000, 1_800_000, 7_200_000, 86_400_000] as const;
/** After this long without a suspension [ms] the next one is a first one. */
export const FORGIVEN_MS = 86_400_000;
/**
 * A request during a suspension starts its time again. It ends at the latest this many of its lengths after
 * its begin, so a subject that stops asking comes back.
 */
export const LENGTHENED_AT_MOST = 2;
/** Most active bans. Above that the ban that ends first is removed. */
export const MOST_BANS = 10_000;

export interface Ban {
  readonly subject: Subject;
  /** The ban ends in this many ms. A point in time would be wrong on another machine, since clocks differ. */
  readonly leftMs: number;
  /** 1 to 5: index into `SUSPENSION_MS`. 0: an operator gave the time. */
  readonly step: number;
  readonly reason: string;
}

/**
 * Bans of users and addresses, for all servers. An ended ban is remembered for a day, since the next one is
 * longer.
 */
export interface Bans {
  /** The active bans. One round trip. */
  list(): Promise<readonly Ban[]>;
  /** Suspends a subject that has exceeded a threshold. A suspended subject stays suspended as before. */
  suspend(subject: Subject, reason: string): Promise<Ban>;
  /**
   * Notes a request of a suspended subject, which lengthens the suspension unless an operator gave its time.
   * Undefined: the subject is not suspended.
   */
  asked(subject: Subject): Promise<Ban | undefined>;
  /** An operator's ban for the given time. It replaces any other. */
  ban(subject: Subject, ms: number, reason: string): Promise<Ban>;
  /** Ends a ban and forgets it. False: the subject was not suspended. */
  unban(subject: Subject): Promise<boolean>;
}
