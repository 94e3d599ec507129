/** How a call ended. `message` is for people. */
export type RpcOutcome =
  /** A view of what was read: keep a copy of what must live long. */
  | { readonly ok: true; readonly payload: Uint8Array }
  | {
      readonly ok: false;
      /**
       * `down`: it was never sent. `timeout`, `closed`: it may have been carried out, the answer is not known.
       * `failed`: the other side has refused it, or it is too long.
       */
      readonly kind: 'timeout' | 'down' | 'closed' | 'failed';
      readonly message: string;
    };
