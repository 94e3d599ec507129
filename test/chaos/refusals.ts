/** What a call of an SDK was refused with. The SDK may be one of another version, whose classes are its own. */
export const refusalOf = (
  error: unknown,
): { readonly code: string; readonly retryable: boolean } | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && 'retryable' in error
    ? { code: error.code, retryable: error.retryable === true }
    : undefined;
