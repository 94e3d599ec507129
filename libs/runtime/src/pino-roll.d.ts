declare module 'pino-roll' {
  import type { SonicBoom, SonicBoomOpts } from 'sonic-boom';

  interface RollOptions extends SonicBoomOpts {
    /** Path of the files. The date and the number come before its extension. */
    readonly file: string;
    readonly frequency?: 'daily' | 'hourly' | number;
    /** Size of a file, such as `10m`; a plain number counts in MB. */
    readonly size?: string | number;
    readonly dateFormat?: string;
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
  }
  function roll(options: RollOptions): Promise<SonicBoom>;
  export { roll as default };
}
