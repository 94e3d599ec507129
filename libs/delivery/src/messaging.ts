import type { Membership } from '@cim/discovery';
import type { RpcClient } from '@cim/rpc';
import {
  defaultLimits,
  LogControl,
  type LimitValues,
  type Logger,
  type Observer,
  RareWarning,
  silentObserver,
} from '@cim/runtime';
import { Conversations, Histories, type Store, userSubject } from '@cim/store';
import type { Doorbell } from './doorbell.ts';
import { EventRules } from './event-rules.ts';
import { FailedPushes } from './failed-pushes.ts';
import { GroupNotes } from './group-notes.ts';
import { GroupRings } from './group-rings.ts';
import { GroupService } from './group-service.ts';
import { Locations } from './locations.ts';
import { LogWatch } from './log-watch.ts';
import { HeldMessages, heldMessageId } from './moderation/held-messages.ts';
import type { Moderation } from './moderation/moderation.ts';
import { ReadMarks } from './read-marks.ts';
import { ScheduledSends } from './scheduled-sends.ts';
import { Scheduling } from './scheduling.ts';
import { SendService } from './send-service.ts';
import { ServerCalls } from './server-calls.ts';
import { Servers } from './servers.ts';
import { Suspensions } from './suspensions.ts';

/** As the setting CIM_HELD_MOST has it. */
const HELD_MOST = 5_000;

export interface MessagingParts {
  readonly store: Store;
  readonly membership: Membership;
  readonly rpc: RpcClient;
  readonly logger: Logger;
  /**
   * CIM_SESSION_POLICY. Under `devices` copies are pushed to the sender's other devices; under the other
   * policies there are none.
   */
  readonly sessionPolicy?: string;
  /** The control of `logger`. Absent: nobody can change what is logged. */
  readonly logControl?: LogControl;
  /** The time, near the store's clock [ms]. Absent: the clock of this machine. */
  readonly now?: () => number;
  /** Absent: the defaults. */
  readonly limits?: Pick<LimitValues, 'typing' | 'offences' | 'scheduled'>;
  /** CIM_HELD_MOST. Absent: the default. */
  readonly heldMost?: number;
  /** Absent: messages are stored as they are sent. */
  readonly moderation?: Partial<Pick<Moderation, 'words' | 'hook' | 'problems'>>;
  /** Absent: nothing is counted. */
  readonly observer?: Pick<Observer, 'sendAnswered' | 'appended' | 'pushed' | 'groupRung' | 'signalled'>;
}

/** The parts through which a server process sends and asks, one set per process. */
export interface Messaging {
  readonly sends: SendService;
  readonly scheduling: Scheduling;
  /** One per process. An im-server starts and stops it. */
  readonly scheduled: ScheduledSends;
  /** One per process. An im-server starts and stops it. */
  readonly held: HeldMessages;
  readonly calls: ServerCalls;
  /** One per process. The code that composes the process starts and stops it. */
  readonly suspensions: Suspensions;
  /** The operator's wishes for the log. One per process, started and stopped like `suspensions`. */
  readonly logs: LogWatch;
  readonly groups: GroupService;
  readonly reads: ReadMarks;
  readonly histories: Histories;
  /** One per process: the logs of groups that it has read serve all users. */
  readonly conversations: Conversations;
  /** What does not work in moderation, a line each, for `/readyz`. It keeps no server from its work. */
  moderationProblems(): readonly string[];
  /** Names the im-server of this process, which is then reached without RPC. */
  serve(local: Doorbell): void;
}

export function createMessaging(parts: MessagingParts): Messaging {
  const { store, membership, rpc, logger, sessionPolicy, now = Date.now, observer = silentObserver } = parts;
  const { limits = defaultLimits } = parts;
  const { streams } = store;
  const servers = new Servers(membership, rpc, logger);
  const locations = new Locations(store.sessions, logger);
  const failedPushes = new FailedPushes(store, new RareWarning(logger, 'push.not-noted'));
  const notes = new GroupNotes(streams, new RareWarning(logger, 'ring.not-noted'));
  const histories = new Histories(store);
  const conversations = new Conversations(store);
  const rules = new EventRules(histories, store.groups, now);
  const held = new HeldMessages({
    held: store.held,
    most: parts.heldMost ?? HELD_MOST,
    store: (request, done) => sends.sendAllowed(request, done),
    onRefused: (message, { code, text }) => {
      const { userId } = message.sender;
      logger.info({ userId, held: message.id, code }, 'held.refused');
      calls.signal([userId], { kind: 'unsent', id: heldMessageId(message), code, text });
    },
    logger,
  });
  const sends: SendService = new SendService(
    {
      streams,
      locations,
      held,
      delivery: { streams, locations, servers, observer, failed: failedPushes },
      rings: new GroupRings(servers, notes, observer),
      observer,
      failed: new RareWarning(logger, 'append.failed'),
      severalDevices: sessionPolicy === 'devices',
    },
    rules,
    { words: parts.moderation?.words, hook: parts.moderation?.hook },
  );
  const calls = new ServerCalls(servers, locations, observer, limits.typing);
  const suspensions = new Suspensions({
    bans: store.bans,
    offences: limits.offences,
    tell: (subject, leftMs) => calls.suspended(subject, leftMs),
    logger,
  });
  const scheduled = new ScheduledSends({
    scheduled: store.scheduled,
    sends,
    suspendedMs: ({ sender }) => suspensions.leftMs(userSubject(sender.userId)),
    onRefused: ({ id, sender }, { code, text }) => {
      logger.info({ userId: sender.userId, scheduled: id, code }, 'scheduled.refused');
      calls.signal([sender.userId], { kind: 'unsent', id, code, text });
    },
    logger,
  });
  return {
    sends,
    scheduling: new Scheduling(store, limits.scheduled),
    scheduled,
    held,
    calls,
    suspensions,
    logs: new LogWatch({
      wishes: store.logWishes,
      control: parts.logControl ?? new LogControl('info'),
      logger,
    }),
    groups: new GroupService({ store, sends, calls }),
    reads: new ReadMarks(conversations, store.groups, calls),
    histories,
    conversations,
    moderationProblems: () => parts.moderation?.problems ?? [],
    serve: (local) => servers.serve(local),
  };
}
