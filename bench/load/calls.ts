/** The calls from the process that runs a workload to the processes that make its load. */
import type { HistogramData } from '../histogram.ts';
import type { LaneCounts, LaneInfo } from './sender.ts';

/** `ws`, `tls`: the own wire over these. */
export type Wire = 'own' | 'ws' | 'tls' | 'cim' | 'bare';
export type Via = 'tcp' | 'http';

export interface LoadUser {
  readonly index: number;
  readonly userId: number;
  readonly userName: string;
}

export interface Placed {
  readonly index: number;
  /** `host:port` of the user's im-server. */
  readonly server: string;
}

export interface ConnectRequest {
  readonly users: readonly LoadUser[];
  /** Whether the users get the messages of the lobby. */
  readonly lobby: boolean;
  /** On CIM's wire: whether each connection fetches the stored messages as soon as it is ready. */
  readonly fetch: boolean;
  /** Logins a second; 0: as many as `parallel` allows. */
  readonly ratePerS: number;
  readonly startUs: number;
  readonly parallel: number;
}

export interface ConnectAnswer {
  readonly placed: readonly Placed[];
  /** Time from when a login was due until its session was ready [µs]. */
  readonly latency: HistogramData;
  readonly failed: number;
  readonly problem: string;
  /** When the last session was ready [µs]. */
  readonly endUs: number;
}

export interface SendRequest {
  readonly step: number;
  readonly via: Via;
  readonly lanes: readonly LaneInfo[];
  /** Rate at which this process sends texts [1/s]. */
  readonly ratePerS: number;
  readonly count: number;
  /** Number of texts of one lane that are sent at a time. */
  readonly burst: number;
  readonly startUs: number;
}

export interface StepAnswer {
  /** Time from when a text was due until it arrived [µs]. */
  readonly arrival: HistogramData;
  /** Time from when a text was due until its sender knew that it was stored [µs]. */
  readonly receipt: HistogramData;
  /** How late the load itself was [µs]. */
  readonly lag: HistogramData;
  /** `arrival` for each second, by the time when texts were due. */
  readonly perSecond: readonly (readonly [second: number, of: HistogramData])[];
  /** One row for each text; empty unless the step asked for them. */
  readonly texts: readonly TextArrival[];
  readonly lastArrivalUs: number;
}

/** One text and its last arrival at a connection of this process. */
export interface TextArrival {
  /** `lane:number`. */
  readonly text: string;
  /** When the text was due [µs]. */
  readonly atUs: number;
  lastUs: number;
}

export interface Counts {
  readonly sent: LaneCounts;
  readonly arrived: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly closed: number;
  /** The reason of the last send that failed or connection that ended. */
  readonly problem: string;
}

/** The calls. Any of them may be made at any time. */
export interface Calls {
  open(request: {
    readonly wire: Wire;
    /** URL for `login` and for sends over HTTP. */
    readonly routeUrl: string;
    readonly httpConnections: number;
    readonly bytes: number;
    readonly pingS: number;
    /** Number of the process. Its connections to a loopback address come from 127.<source>.x.y. */
    readonly source: number;
  }): Promise<void>;
  /** `apartMs`: pause between an answer and the next request [ms]; 0 registers many at once. */
  register(request: {
    readonly names: readonly { readonly index: number; readonly userName: string }[];
    readonly apartMs: number;
  }): Promise<LoadUser[]>;
  connect(request: ConnectRequest): Promise<ConnectAnswer>;
  /** Connections to the bare server. */
  connectBare(request: {
    readonly host: string;
    readonly port: number;
    readonly indexes: readonly number[];
    readonly ratePerS: number;
    readonly startUs: number;
    readonly httpFirst: boolean;
  }): Promise<ConnectAnswer>;
  /** From now on counts and times everything under this step. `startUs` is the start of second 0. */
  begin(request: {
    readonly step: number;
    readonly startUs: number;
    /** Whether to record the last arrival of each text. */
    readonly perText: boolean;
  }): Promise<void>;
  /** Resolves when all texts are sent, not when they are stored. */
  send(request: SendRequest): Promise<void>;
  counts(): Promise<Counts>;
  /** The results since `begin`. */
  measured(): Promise<StepAnswer>;
  disconnect(indexes: readonly number[] | 'all'): Promise<void>;
}
