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
