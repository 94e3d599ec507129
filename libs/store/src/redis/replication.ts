/** What `INFO replication` says. */
export interface Replication {
  readonly isMaster: boolean;
  /** Of the history that this server continues: another one after each promotion and each start. */
  readonly replid: string;
  /** Replicas that follow: each of them can be promoted. */
  readonly online: number;
}

export function replicationOf(info: string): Replication {
  return {
    isMaster: /^role:master\r?$/m.test(info),
    replid: /^master_replid:(\w+)/m.exec(info)?.[1] ?? '',
    online: (info.match(/^slave\d+:.*\bstate=online\b/gm) ?? []).length,
  };
}
