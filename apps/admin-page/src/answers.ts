/** The answers of the admin API, as far as the page shows them. `GET /admin/openapi.json` describes them. */

export interface Load {
  readonly cpu: number;
  readonly loopDelayMs: number;
  readonly rssBytes: number;
}

export interface ImServer {
  readonly instance?: string;
  readonly host: string;
  readonly tcpPort: number;
  readonly httpPort: number;
  readonly version?: string;
  readonly startedAt?: string;
  readonly moving?: 'drain' | 'rebalance';
  readonly load?: Load & {
    readonly sessions: number;
    readonly connections: number;
    readonly serving: boolean;
  };
  readonly unknown?: string;
}

export interface Cluster {
  readonly items: readonly ImServer[];
  readonly route: { readonly version: string; readonly startedAt: string; readonly load: Load };
  readonly registry: { readonly description: string; readonly connected: boolean; readonly problem?: string };
  readonly store: {
    readonly description: string;
    readonly engine: 'redis' | 'embedded';
    readonly durability: 'disk' | 'quorum' | 'fast';
    readonly problem?: string;
  };
  readonly wrong: readonly { readonly level: 'bad' | 'warning' | 'note'; readonly text: string }[];
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** A fact that is true, false or unknown, and the reason where a plain word would hide one. */
export interface Finding {
  readonly is: 'yes' | 'no' | 'unknown';
  readonly why?: string;
}

export interface User extends Named {
  readonly suspendedUntil?: string;
  readonly timeline: { readonly first: number; readonly top: number };
  readonly devices: readonly {
    readonly device: string;
    readonly label: string;
    readonly state: 'live' | 'issued' | 'ended';
    readonly server?: string;
    readonly connected: Finding;
    readonly address?: string;
    readonly seenAt: string;
    readonly cursor?: number;
    readonly backlog: number;
  }[];
}

/** A list, or a page of one; `next` when there is more. */
export interface List<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface OnlineUser extends Named {
  readonly server: string;
}

export interface GroupOfUser extends Named {
  readonly category: string;
  readonly role: string;
}

export interface Group extends Named {
  readonly category: string;
  readonly join: 'open' | 'invite';
  readonly owner: Named;
  readonly members: number;
  readonly createdAt: string;
  readonly log: { readonly first: number; readonly top: number };
}

export interface Member extends Named {
  readonly role: string;
  readonly muted: boolean;
}

export interface Recipient {
  readonly user: Named;
  readonly delivered: Finding;
  readonly read: Finding;
  readonly devices: readonly {
    readonly device: string;
    readonly label: string;
    readonly server?: string;
    readonly pushed: Finding;
    readonly delivered: Finding;
  }[];
}

export interface Trace {
  readonly id: string;
  readonly conversation: string;
  readonly from: Named;
  readonly to: { readonly user?: Named; readonly group?: Named };
  readonly storedAt: string;
  readonly kept: boolean;
  readonly seq?: number;
  readonly type?: string;
  readonly recalled?: boolean;
  readonly recipients: readonly Recipient[];
  readonly next?: string;
  readonly unknown?: string;
}

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly only?: readonly string[];
  readonly state: 'well' | 'failing' | 'off';
  readonly problem?: string;
  readonly failingSince?: string;
}

export interface Letters {
  readonly items: readonly {
    readonly id: string;
    readonly type: string;
    readonly state: 'waiting' | 'dead';
    readonly failed: number;
    readonly problem: string;
    readonly at: string;
  }[];
  readonly waiting: number;
  readonly dead: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface TrafficSample {
  readonly at: string;
  readonly seconds: number;
  readonly sends: {
    readonly stored: number;
    readonly refused: number;
    readonly retry: number;
  };
  readonly deliveries: number;
  readonly refusedConnections: number;
  readonly sessions: number;
  readonly silent: number;
  readonly sendMs?: Percentiles;
  readonly deliveryMs?: Percentiles;
}

export interface Traffic {
  readonly everyMs: number;
  readonly items: readonly TrafficSample[];
}
