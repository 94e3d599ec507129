import type { InstanceId } from '@cim/protocol';

/** A live im-server. */
export interface Member {
  /** Address that clients and other servers connect to. */
  readonly host: string;
  readonly tcpPort: number;
  readonly httpPort: number;
  /** Absent for a server of CIM's own. Such a server is listed, but never chosen for a login and never called. */
  readonly instance?: InstanceId;
  readonly version?: string;
  /** When the process started [ms since 1970]. */
  readonly startedAt?: number;
  /** Whether its ports speak TLS, only that or beside plain text. Absent: plain text only. */
  readonly tls?: 'only' | 'also';
  /**
   * Set while its sessions move to other servers: all of them, or those above the mean. No login is placed
   * there.
   */
  readonly moving?: 'drain' | 'rebalance';
}

/** CIM's node name, `<ip>:<tcpPort>:<httpPort>`: the key of a member. */
export const memberName = (m: Pick<Member, 'host' | 'tcpPort' | 'httpPort'>): string =>
  `${m.host}:${m.tcpPort}:${m.httpPort}`;

/** The list of live im-servers. Each process has one membership: a route only watches, an im-server also announces itself. */
export interface Membership {
  /** Resolves when the first list is there, or after 5 s. Without a list the membership goes on trying by itself. */
  start(): Promise<void>;
  /** The newest list that was read, ordered by name. It stays as it is while the registry is out of reach. */
  members(): readonly Member[];
  /** Calls the listener after each change of the list. Returns a function that ends this. */
  onChange(listener: () => void): () => void;
  /**
   * Keeps this member listed until `withdraw`, also after a lost session and after a registry that hung or restarted.
   * Another call replaces the announced member (a new instance id). Resolves when the member is listed, or after 5 s.
   * Rejects with one line when the registry belongs to the cluster of another product. The member is listed as soon as
   * that has changed, unless it withdraws.
   */
  announce(self: Member): Promise<void>;
  /** Takes this member off the list at once. Idempotent, never throws. */
  withdraw(): Promise<void>;
  /** Tells whether the registry answers now. `/readyz` and `/metrics` show it. */
  readonly connected: boolean;
  /**
   * Says in one line why this process cannot read the list or be listed although the registry answers. Undefined when
   * it can do both.
   */
  readonly problem: string | undefined;
  /** Describes the registry for people, at the start of a program. */
  readonly description: string;
  stop(): Promise<void>;
}
