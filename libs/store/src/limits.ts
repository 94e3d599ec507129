import type { Rate } from '@cim/runtime';

/** One bucket that a request takes tokens from. */
export interface Take {
  /** Name of the limit, such as `login`. */
  readonly limit: string;
  /** The subject of the budget: an address or a user id. Of [A-Za-z0-9:./] only. */
  readonly of: string;
  readonly rate: Rate;
  /** 0 asks whether there is a token left. */
  readonly cost: number;
}

/** The index of the bucket with too few tokens, and in how many ms it has enough. */
export interface Limited {
  readonly index: number;
  readonly afterMs: number;
}

/** Token buckets that all processes of a cluster share. */
export interface Limits {
  /**
   * Takes from all buckets, or from none. Undefined: taken. One round trip. On a Cluster there is one for
   * each shard, and buckets with enough tokens are charged although another one had too few.
   */
  take(takes: readonly Take[]): Promise<Limited | undefined>;
}
