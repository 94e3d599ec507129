import type { Rate } from '@cim/runtime';

/** One bucket that a request draws on. */
export interface Take {
  /** Of the limit: `login`. */
  readonly limit: string;
  /** Whose budget it is: an address, a user id. Of [A-Za-z0-9:./] only. */
  readonly of: string;
  readonly rate: Rate;
  /** 0 asks whether there is anything left. */
  readonly cost: number;
}

/** Which bucket had too little, by its place in what was asked for, and after how many ms it has enough. */
export interface Limited {
  readonly index: number;
  readonly afterMs: number;
}

/** Token buckets that all processes of a cluster share. */
export interface Limits {
  /**
   * Takes from all buckets, or from none: from which one it could not. One round trip. On a Cluster there is one for each shard, and
   * those that had enough are charged although another had not.
   */
  take(takes: readonly Take[]): Promise<Limited | undefined>;
}
