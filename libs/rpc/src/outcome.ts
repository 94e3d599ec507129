/** Method numbers of the calls between servers; their payloads are in cim.proto. 0 is the link's own ping. */
export const RPC = { ping: 0, deliver: 1, broadcast: 2, kick: 3, fetchOffline: 4 } as const;

export interface RpcAddress {
  readonly host: string;
  readonly httpPort: number;
}

export type RpcOutcome =
  | { readonly ok: true; readonly payload: Uint8Array }
  | {
      readonly ok: false;
      /** `timeout`: it may have been carried out. `down`: never sent. `closed`: sent, answer lost. `failed`: refused. */
      readonly kind: 'timeout' | 'down' | 'closed' | 'failed';
      readonly message: string;
    };
