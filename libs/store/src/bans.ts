import { isUserId, type UserId } from '@cim/protocol';
import { addressGroup } from '@cim/runtime';
import { isIP } from 'node:net';

/** Who is suspended: `user:1001`, `address:192.0.2.1`, `address:2001:db8:0:0::/64`. */
export type Subject = `user:${number}` | `address:${string}`;

export const userSubject = (user: UserId): Subject => `user:${user}`;
/** @param address as `addressGroup` has it */
export const addressSubject = (address: string): Subject => `address:${address}`;

/** Of what a person writes: a user id, an address, a /64, or a subject. Undefined: it names nobody. */
export function parseSubject(text: string): Subject | undefined {
  const name = text.replace(/^(user|address):/, '');
  if (/^\d+$/.test(name) && isUserId(Number(name))) return userSubject(Number(name) as UserId);
  const [ip = '', bits] = name.split('/');
  const version = isIP(ip);
  if (version === 0 || (bits !== undefined && !(version === 6 && bits === '64'))) return undefined;
  return addressSubject(addressGroup(ip));
}

/** How long a suspension lasts [ms]: the first one, the second within a day after its end, and so on. */
export const SUSPENSION_MS = [60_000, 300_000, 1_800_000, 7_200_000, 86_400_000] as const;
/** After so long without one [ms] the next suspension is a first one. */
export const FORGIVEN_MS = 86_400_000;
/** Asking while suspended begins the time anew, up to so many times its length after it began: who has stopped comes back. */
export const LENGTHENED_AT_MOST = 2;
/** Active at once. The one that ends first makes room. */
export const MOST_BANS = 10_000;

export interface Ban {
  readonly subject: Subject;
  /** It ends in so many ms. Not a time: clocks of two machines differ. */
  readonly leftMs: number;
  /** 1 to 5, by `SUSPENSION_MS`; 0: an operator gave the time. */
  readonly step: number;
  readonly reason: string;
}

/** Who is suspended, for all servers. What has ended is known for a day, since the next one is longer. */
export interface Bans {
  /** Active ones. One round trip. */
  list(): Promise<readonly Ban[]>;
  /** A threshold was passed. One that is suspended already stays so as it was. */
  suspend(subject: Subject, reason: string): Promise<Ban>;
  /** It has asked for something while it is suspended: that lengthens it, unless an operator gave the time. Undefined: it is not. */
  asked(subject: Subject): Promise<Ban | undefined>;
  /** An operator's: as long as it says, in place of any other. */
  ban(subject: Subject, ms: number, reason: string): Promise<Ban>;
  /** Ends it, and forgets it. False: it was not suspended. */
  unban(subject: Subject): Promise<boolean>;
}
