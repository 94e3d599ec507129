/** What the process that runs a workload asks of the processes that make its load. */
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
  /** `host:port` of its im-server. */
  readonly server: string;
}

export interface ConnectRequest {
  readonly users: readonly LoadUser[];
  /** Whether they get the group's messages. */
  readonly lobby: boolean;
  /** On CIM's wire: asks for what waits, at once when it is ready. */
  readonly fetch: boolean;
  /** Logins a second; 0: as many as `parallel` allows. */
  readonly ratePerS: number;
  readonly startUs: number;
  readonly parallel: number;
}

export interface ConnectAnswer {
  readonly placed: readonly Placed[];
  /** From when a login was due until its session was ready, µs. */
  readonly latency: HistogramData;
  readonly failed: number;
  readonly problem: string;
  /** When the last one was ready. */
  readonly endUs: number;
}

export interface SendRequest {
  readonly step: number;
  readonly via: Via;
  readonly lanes: readonly LaneInfo[];
  /** Texts a second of this process. */
  readonly ratePerS: number;
  readonly count: number;
  /** So many at a time, of one lane. */
  readonly burst: number;
  readonly startUs: number;
}

export interface StepAnswer {
  /** From when a text was due until it was there, µs. */
  readonly arrival: HistogramData;
  /** From when a text was due until its sender knew it stored, µs. */
  readonly receipt: HistogramData;
  /** How late the load itself was, µs. */
  readonly lag: HistogramData;
  /** `arrival` of each second, by when it was due. */
  readonly perSecond: readonly (readonly [second: number, of: HistogramData])[];
  /** One row a text, when the step asked for it. */
  readonly texts: readonly TextArrival[];
  readonly lastArrivalUs: number;
}

/** One text and its last arrival at a connection of this process. */
export interface TextArrival {
  /** `lane:number`. */
  readonly text: string;
  /** When the text was due, µs. */
  readonly atUs: number;
  lastUs: number;
}

export interface Counts {
  readonly sent: LaneCounts;
  readonly arrived: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly closed: number;
  /** What was said when a send failed or a connection ended. */
  readonly problem: string;
}

/** The requests; all may be asked at any time. */
export interface Calls {
  open(request: {
    readonly wire: Wire;
    /** Where `login` and sends over HTTP go. */
    readonly routeUrl: string;
    readonly httpConnections: number;
    readonly bytes: number;
    readonly pingS: number;
    /** Of this process: connections from 127.<source>.x.y when they go to a loopback address. */
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
  /** Counts and times what comes from now on under this step; `startUs` is second 0. */
  begin(request: {
    readonly step: number;
    readonly startUs: number;
    /** Whether to note the last arrival of each text. */
    readonly perText: boolean;
  }): Promise<void>;
  /** Resolves when all is sent, not when it is stored. */
  send(request: SendRequest): Promise<void>;
  counts(): Promise<Counts>;
  /** What was measured since `begin`. */
  measured(): Promise<StepAnswer>;
  disconnect(indexes: readonly number[] | 'all'): Promise<void>;
}
