/**
 * Where a fault of ours goes when nobody took it: a warning on standard error. It never ends the process, since what
 * brought the fault about may be anybody's input.
 */
export function warnOf(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}
