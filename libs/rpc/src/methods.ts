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
  load: 10,
  places: 11,
  move: 13,
} as const;

/** Name of a method; undefined for a number that this version does not know. */
export const rpcMethod = (number: number): string | undefined => NAMES.get(number);

const NAMES = new Map<number, string>(Object.entries(RPC).map(([name, number]) => [number, name]));
/** Names of all methods. */
export const RPC_METHODS: readonly string[] = [...NAMES.values()];
