import type { Membership } from '@cim/discovery';
import type { RpcClient } from '@cim/rpc';
import { type Logger, type Observer, RareWarning, silentObserver } from '@cim/runtime';
import type { Store } from '@cim/store';
import { Delivery } from './delivery.ts';
import type { Doorbell } from './doorbell.ts';
import { Locations } from './locations.ts';
import { SendService } from './send-service.ts';
import { ServerCalls } from './server-calls.ts';
import { Servers } from './servers.ts';

export interface MessagingParts {
  readonly store: Store;
  readonly membership: Membership;
  readonly rpc: RpcClient;
  readonly logger: Logger;
  /** Nobody counts when it is absent. */
  readonly observer?: Pick<Observer, 'sendAnswered' | 'appended' | 'pushed' | 'groupRung'>;
}

/** What a server process sends and asks by: one per process. */
export interface Messaging {
  readonly sends: SendService;
  readonly calls: ServerCalls;
  /** The im-server of this process is open: it is reached without RPC. */
  serve(local: Doorbell): void;
}

export function createMessaging(parts: MessagingParts): Messaging {
  const { store, membership, rpc, logger, observer = silentObserver } = parts;
  const servers = new Servers(membership, rpc);
  const locations = new Locations(store.sessions, logger);
  const delivery = new Delivery(store, servers, locations, observer, logger);
  const failed = new RareWarning(logger, 'append.failed');
  return {
    sends: new SendService({ store, delivery, observer, failed }),
    calls: new ServerCalls(servers, locations),
    serve: (local) => servers.serve(local),
  };
}
