import type { Messaging } from '@cim/delivery';
import type { Membership, Placement } from '@cim/discovery';
import type { Logger, Metrics, Observer, RecentLoad, Supplies, TlsFiles } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { RouteConfig } from './config.ts';
import type { Passwords } from './passwords.ts';

export interface RouteParts {
  readonly config: RouteConfig;
  readonly store: Store;
  readonly membership: Membership;
  readonly placement: Placement;
  readonly messaging: Messaging;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly observer: Observer;
  /** That of this process, for operators; its own when it is absent. */
  readonly load?: RecentLoad;
  /** Tests count its hashes. */
  readonly passwords?: Passwords;
  /** Connections that the process can hold. */
  readonly maxConnections: number;
  readonly supplies: Supplies;
  /** Both ports speak TLS when it is there. */
  readonly tls?: TlsFiles | undefined;
}
