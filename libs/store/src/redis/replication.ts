/** The answer of `INFO replication`. */
export interface Replication {
  readonly isMaster: boolean;
  /** Id of the history that this server continues. Each promotion and each start begins another one. */
  readonly replid: string;
  /** Number of replicas that follow. Each of them can be promoted. */
  readonly online: number;
}

export function replicationOf(info: string): Replication {
  return {
    isMaster: /^role:master\r?$/m.test(info),
    replid: /^master_replid:(\w+)/m.exec(info)?.[1] ?? '',
    online: (info.match(/^slave\d+:.*\bstate=online\b/gm) ?? []).length,
  };
}
