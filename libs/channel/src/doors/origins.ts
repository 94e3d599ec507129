/**
 * Decides whether a request may open a WebSocket. Allowed are programs (which send no origin), pages of the
 * requested host, and pages of listed origins.
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (allowed.includes(page.origin)) return true;
  // The port may differ: the route serves the page, and the im-server listens on another port of the same host.
  return (
    host !== undefined &&
    URL.canParse(`http://${host}`) &&
    page.hostname === new URL(`http://${host}`).hostname
  );
}
