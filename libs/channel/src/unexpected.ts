/**
 * Reports a programming error that no handler took, as a warning on standard error. It never ends the
 * process, since anybody's input may have caused the error.
 */
export function warnOf(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}
