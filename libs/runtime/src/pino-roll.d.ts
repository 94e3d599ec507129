declare module 'pino-roll' {
  import type { SonicBoom, SonicBoomOpts } from 'sonic-boom';

  interface RollOptions extends SonicBoomOpts {
    /** Path; its extension comes behind the date and the number. */
    readonly file: string;
    readonly frequency?: 'daily' | 'hourly' | number;
    /** `10m`; a number counts in MB. */
    readonly size?: string | number;
    readonly dateFormat?: string;
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
  }
  function roll(options: RollOptions): Promise<SonicBoom>;
  export { roll as default };
}
