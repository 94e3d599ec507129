/** Method numbers of the calls between servers; their payloads are in cim.proto. 0 is the connection's own ping. */
export const RPC = {
  ping: 0,
  deliver: 1,
  broadcast: 2,
  kick: 3,
  fetchOffline: 4,
  delivered: 5,
  holds: 6,
  signal: 7,
  groups: 8,
  suspended: 9,
} as const;

/** Names of the methods; the index is the number. */
export const RPC_METHODS: readonly string[] = Object.keys(RPC);
