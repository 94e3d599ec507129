import { CountRow, CountTable, DurationRow } from './count-table.ts';
import type { Metrics } from './metrics.ts';
import {
  APPEND_OUTCOMES,
  type AppendOutcome,
  LEASE_RENEWALS,
  type LeaseRenewal,
  MODERATION_OUTCOMES,
  type ModerationOutcome,
  type Moderator,
  MODERATORS,
  type Observer,
  PUSH_OUTCOMES,
  type PushResult,
  QUESTION_OUTCOMES,
  type QuestionOutcome,
  RESUME_ANSWERS,
  type ResumeResult,
  RING_OUTCOMES,
  type RingResult,
  RPC_OUTCOMES,
  type RpcResult,
  SEND_DOORS,
  SEND_OUTCOMES,
  type SendDoor,
  type SendResult,
  SIGNAL_KINDS,
  SIGNAL_OUTCOMES,
  type SignalName,
  type SignalResult,
  STORE_ERRORS,
  type StoreError,
  STREAM_KINDS,
  type StreamKind,
  UNKNOWN_PATH,
  type Wire,
  WIRES,
} from './observer.ts';
import { DELIVERY_SECONDS, SEND_SECONDS, type Traffic } from './traffic.ts';

/** Buckets for late timers: from the inaccuracy of a timer to a process that hangs [s]. */
const DELAYS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** CIM's code of a success. Every path of the route starts with a counter for it. */
const SUCCESS = '9000';

/** Names that only `compose.ts` knows. Their counters begin with 0. */
export interface KnownNames {
  readonly closeReasons: readonly string[];
  readonly doorLimits: readonly string[];
  readonly rpcMethods: readonly string[];
  /** The code that the route answers for an unknown path. */
  readonly unknownPathCode: string;
}

/** The observer that counts for Prometheus. docs/metrics.md describes each metric. */
export class PrometheusObserver implements Observer {
  readonly #sends: CountTable<SendDoor, SendResult>;
  readonly #sendSeconds: DurationRow<SendDoor>;
  readonly #appends: CountTable<StreamKind, AppendOutcome>;
  readonly #appendSeconds: DurationRow<StreamKind>;
  readonly #pushes: CountRow<PushResult>;
  readonly #pushSeconds: DurationRow<PushResult>;
  readonly #rings: CountRow<RingResult>;
  readonly #signals: CountTable<SignalName, SignalResult>;
  readonly #moderated: CountTable<Moderator, ModerationOutcome>;
  readonly #questionSeconds: DurationRow<QuestionOutcome>;
  readonly #deliveries: CountTable<Wire, StreamKind>;
  readonly #arrivalSeconds: DurationRow<''>;
  readonly #resumes: CountRow<ResumeResult>;
  readonly #closes: CountRow<string>;
  readonly #refusals: CountRow<string>;
  readonly #calls: CountTable<string, RpcResult>;
  readonly #callSeconds: DurationRow<string>;
  readonly #deliverySeconds: DurationRow<StreamKind>;
  readonly #answers: CountTable<string, string>;
  readonly #answerSeconds: DurationRow<string>;
  readonly #storeErrors: CountRow<StoreError>;
  readonly #renewals: CountRow<LeaseRenewal>;
  readonly #loopDelays: DurationRow<''>;

  constructor(metrics: Metrics, known: KnownNames) {
    this.#sends = new CountTable(
      metrics,
      { name: 'cim_sends_total', help: 'Sends answered, by door and outcome' },
      ['door', SEND_DOORS, 'outcome', SEND_OUTCOMES],
    );
    this.#sendSeconds = new DurationRow(
      metrics,
      { name: 'cim_send_duration_seconds', help: 'Time from the arrival of a send to its answer, by door' },
      'door',
      SEND_DOORS,
      SEND_SECONDS,
    );
    this.#appends = new CountTable(
      metrics,
      { name: 'cim_appends_total', help: 'Appends to the store, by kind of stream and outcome' },
      ['stream', STREAM_KINDS, 'outcome', APPEND_OUTCOMES],
    );
    this.#appendSeconds = new DurationRow(
      metrics,
      {
        name: 'cim_append_duration_seconds',
        help: 'Time until the store has answered an append, by kind of stream',
      },
      'stream',
      STREAM_KINDS,
      SEND_SECONDS,
    );
    this.#pushes = new CountRow(
      metrics,
      { name: 'cim_pushes_total', help: 'Pushes of private messages to an im-server, by outcome' },
      'outcome',
      PUSH_OUTCOMES,
    );
    this.#pushSeconds = new DurationRow(
      metrics,
      {
        name: 'cim_push_duration_seconds',
        help: 'Time from the append of a private message to the end of its push, by outcome',
      },
      'outcome',
      PUSH_OUTCOMES,
      SEND_SECONDS,
    );
    this.#rings = new CountRow(
      metrics,
      { name: 'cim_group_rings_total', help: 'Rings at im-servers for messages to groups, by outcome' },
      'outcome',
      RING_OUTCOMES,
    );
    this.#signals = new CountTable(
      metrics,
      { name: 'cim_signals_total', help: 'Signals, which are not stored, by kind and outcome' },
      ['kind', SIGNAL_KINDS, 'outcome', SIGNAL_OUTCOMES],
    );
    this.#moderated = new CountTable(
      metrics,
      { name: 'cim_moderated_total', help: 'Messages that moderation did something with' },
      ['by', MODERATORS, 'outcome', MODERATION_OUTCOMES],
    );
    this.#questionSeconds = new DurationRow(
      metrics,
      {
        name: 'cim_moderation_duration_seconds',
        help: 'Time until a question to the moderation system ended, by outcome',
      },
      'outcome',
      QUESTION_OUTCOMES,
      SEND_SECONDS,
    );
    this.#deliveries = new CountTable(
      metrics,
      { name: 'cim_deliveries_total', help: 'Entries written to clients, by wire and kind of stream' },
      ['wire', WIRES, 'stream', STREAM_KINDS],
    );
    this.#arrivalSeconds = new DurationRow(
      metrics,
      {
        name: 'cim_arrival_duration_seconds',
        help: "Time from storing a private message to its arrival at the recipient's im-server, by the clocks of both",
      },
      '',
      [''],
      DELIVERY_SECONDS,
    );
    this.#resumes = new CountRow(
      metrics,
      { name: 'cim_resumes_total', help: 'Streams that a session goes on with, by answer' },
      'answer',
      RESUME_ANSWERS,
    );
    this.#closes = new CountRow(
      metrics,
      { name: 'cim_channels_closed_total', help: 'Channels of clients that ended, by close reason' },
      'reason',
      known.closeReasons,
    );
    this.#refusals = new CountRow(
      metrics,
      {
        name: 'cim_connections_refused_total',
        help: 'Connections of clients that were closed at once, by the limit that they passed',
      },
      'limit',
      known.doorLimits,
    );
    this.#calls = new CountTable(
      metrics,
      { name: 'cim_rpc_calls_total', help: 'Calls to other servers, by method and outcome' },
      ['method', known.rpcMethods, 'outcome', RPC_OUTCOMES],
    );
    this.#callSeconds = new DurationRow(
      metrics,
      { name: 'cim_rpc_call_duration_seconds', help: 'Time until a call to another server ended, by method' },
      'method',
      known.rpcMethods,
      SEND_SECONDS,
    );
    this.#deliverySeconds = new DurationRow(
      metrics,
      {
        name: 'cim_delivery_duration_seconds',
        help: 'Time from storing a message to its acknowledgement by a client that was connected, by the clocks of both servers',
      },
      'stream',
      STREAM_KINDS,
      DELIVERY_SECONDS,
    );
    this.#answers = new CountTable(
      metrics,
      { name: 'cim_route_answers_total', help: 'Answers of the route, by path and code' },
      ['path', [UNKNOWN_PATH], 'code', [known.unknownPathCode]],
    );
    this.#answerSeconds = new DurationRow(
      metrics,
      { name: 'cim_route_answer_duration_seconds', help: 'Time from a request to its answer, by path' },
      'path',
      [UNKNOWN_PATH],
      SEND_SECONDS,
    );
    this.#storeErrors = new CountRow(
      metrics,
      { name: 'cim_store_errors_total', help: 'Requests that the store did not carry out, by kind of error' },
      'kind',
      STORE_ERRORS,
    );
    this.#renewals = new CountRow(
      metrics,
      { name: 'cim_lease_renewals_total', help: 'Renewals of the lease of this im-server, by outcome' },
      'outcome',
      LEASE_RENEWALS,
    );
    this.#loopDelays = new DurationRow(
      metrics,
      {
        name: 'cim_event_loop_delay_seconds',
        help: 'How late a timer of 20 ms comes: the time for which the event loop was busy or the process was not run',
      },
      '',
      [''],
      DELAYS,
    );
  }

  sendAnswered(door: SendDoor, outcome: SendResult, seconds: number): void {
    this.#sends.add(door, outcome);
    this.#sendSeconds.observe(door, seconds);
  }

  appended(stream: StreamKind, outcome: AppendOutcome, seconds: number): void {
    this.#appends.add(stream, outcome);
    this.#appendSeconds.observe(stream, seconds);
  }

  pushed(outcome: PushResult, seconds: number): void {
    this.#pushes.add(outcome);
    this.#pushSeconds.observe(outcome, seconds);
  }

  groupRung(outcome: RingResult): void {
    this.#rings.add(outcome);
  }

  signalled(kind: SignalName, outcome: SignalResult): void {
    this.#signals.add(kind, outcome);
  }

  moderated(by: Moderator, outcome: ModerationOutcome): void {
    this.#moderated.add(by, outcome);
  }

  moderationAsked(outcome: QuestionOutcome, seconds: number): void {
    this.#questionSeconds.observe(outcome, seconds);
  }

  delivered(wire: Wire, stream: StreamKind, entries: number): void {
    this.#deliveries.add(wire, stream, entries);
  }

  arrived(seconds: number): void {
    this.#arrivalSeconds.observe('', seconds);
  }

  resumed(answer: ResumeResult): void {
    this.#resumes.add(answer);
  }

  channelClosed(reason: string): void {
    this.#closes.add(reason);
  }

  connectionRefused(limit: string): void {
    this.#refusals.add(limit);
  }

  rpcCalled(method: string, outcome: RpcResult, seconds: number): void {
    this.#calls.add(method, outcome);
    this.#callSeconds.observe(method, seconds);
  }

  acknowledged(stream: StreamKind, seconds: number): void {
    this.#deliverySeconds.observe(stream, seconds);
  }

  pathServed(path: string): void {
    this.#answers.add(path, SUCCESS, 0);
    this.#answerSeconds.begin(path);
  }

  requestAnswered(path: string, code: string, seconds: number): void {
    this.#answers.add(path, code);
    this.#answerSeconds.observe(path, seconds);
  }

  storeFailed(kind: StoreError): void {
    this.#storeErrors.add(kind);
  }

  leaseRenewed(outcome: LeaseRenewal): void {
    this.#renewals.add(outcome);
  }

  loopDelayed(seconds: number): void {
    this.#loopDelays.observe('', seconds);
  }

  /** What was counted since the start, in short. */
  get traffic(): Traffic {
    const sends = Object.fromEntries(SEND_OUTCOMES.map((outcome) => [outcome, this.#sends.total(outcome)]));
    return {
      sends: sends as Traffic['sends'],
      deliveries: this.#deliveries.total(),
      refusedConnections: this.#refusals.total,
      sendDurations: this.#sendSeconds.totals,
      deliveryDurations: this.#deliverySeconds.totals,
    };
  }
}
