/**
 * The service worker: keeps the files of the page, so that it opens without a network. The newest files are asked for first; what
 * is kept is shown only when the server does not answer.
 */
interface FetchedEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface LivedEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
const worker = globalThis as unknown as {
  addEventListener(name: 'fetch', listener: (event: FetchedEvent) => void): void;
  addEventListener(name: 'install' | 'activate', listener: (event: LivedEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
};

const KEPT = 'cim-web';
const FILES = ['/', '/chat.js', '/chat.css', '/icon.svg', '/manifest.webmanifest'];
/** A server that does not answer holds the page up no longer [ms]. */
const WAIT_MS = 4_000;

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((cache) => cache.addAll(FILES))
      .then(() => worker.skipWaiting()),
  );
});
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method === 'GET' && origin === location.origin && FILES.includes(pathname))
    event.respondWith(answer(event.request, pathname));
});

async function answer(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(KEPT);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(WAIT_MS) });
    if (fresh.ok) await cache.put(path, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept === undefined) throw error;
    return kept;
  }
}
