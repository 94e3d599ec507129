// Loaded before a server. Its clock is off by CHAOS_SKEW_MS, and jumps there and back every
// CHAOS_SKEW_TURN_MS.
const skew = Number(process.env.CHAOS_SKEW_MS ?? 0);
const turn = Number(process.env.CHAOS_SKEW_TURN_MS ?? 1_000);
const now = Date.now;
const RealDate = Date;
const shifted = () => now() + (Math.floor(now() / turn) % 2 === 0 ? skew : 0);
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(shifted());
    else super(...given);
  }
  static now() {
    return shifted();
  }
};
