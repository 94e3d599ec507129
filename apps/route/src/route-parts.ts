import type { Messaging } from '@cim/delivery';
import type { Membership, Placement } from '@cim/discovery';
import type { Logger, Metrics, Observer, RecentLoad, Supplies, TlsFiles, Traffic } from '@cim/runtime';
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
  /** The load of this process, for operators. Absent: the route measures its own. */
  readonly load?: RecentLoad;
  /** The counts of this process, for operators. Absent: only im-servers are asked. */
  readonly traffic?: () => Traffic;
  /** Tests pass one that counts hashes. */
  readonly passwords?: Passwords;
  /** Most connections that the process can hold. */
  readonly maxConnections: number;
  readonly supplies: Supplies;
  /** With it both ports speak TLS. */
  readonly tls?: TlsFiles | undefined;
}
