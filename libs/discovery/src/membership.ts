import type { InstanceId } from '@cim/protocol';

/** A live im-server. */
export interface Member {
  /** What clients and servers connect to. */
  readonly host: string;
  readonly tcpPort: number;
  readonly httpPort: number;
  /** Absent for a server of CIM's own: listed, never chosen, never called. */
  readonly instance?: InstanceId;
  readonly version?: string;
  /** ms since 1970. */
  readonly startedAt?: number;
}

/** CIM's node name, `<ip>:<tcpPort>:<httpPort>`: the key of a member. */
export const memberName = (m: Pick<Member, 'host' | 'tcpPort' | 'httpPort'>): string =>
  `${m.host}:${m.tcpPort}:${m.httpPort}`;

/** Which im-servers live. One per process; a route only watches, an im-server also announces itself. */
export interface Membership {
  /** Resolves when the first list is there, or after 5 s without one: then it goes on trying by itself. */
  start(): Promise<void>;
  /** The last list known, ordered by name. Stays as it is while the registry is out of reach. */
  members(): readonly Member[];
  /** Called after each change of the list. Answers how to stop. */
  onChange(listener: () => void): () => void;
  /**
   * From now until `withdraw` keeps this member listed: after a lost session, a hung or restarted registry too.
   * Announcing again replaces what was announced (a new instance id). Resolves when listed, or after 5 s without.
   * Rejects with one line while it must not be listed, because the registry is that of another product's cluster; it is
   * listed when that has changed, unless it withdraws.
   */
  announce(self: Member): Promise<void>;
  /** Takes it off the list at once. Idempotent, never throws. */
  withdraw(): Promise<void>;
  /** Whether the registry answers now; what `/readyz` and `/metrics` tell. */
  readonly connected: boolean;
  /**
   * One line about what keeps this process from reading the list or from being listed, although the registry answers;
   * undefined when there is nothing.
   */
  readonly problem: string | undefined;
  /** For people, at start. */
  readonly description: string;
  stop(): Promise<void>;
}
