/**
 * The service worker: keeps the files of the page, so that it opens without a network, and shows notifications. The newest files are
 * asked for first; what is kept is shown only when the server does not answer.
 */
import type { Note } from './notify.ts';

interface FetchedEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface LivedEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface ToldEvent extends LivedEvent {
  readonly data: unknown;
}
interface ClickedEvent extends LivedEvent {
  readonly notification: Notification;
}
/** A tab with the page. */
interface Tab {
  readonly focused: boolean;
  focus(): Promise<unknown>;
  postMessage(message: object): void;
}
const worker = globalThis as unknown as {
  addEventListener(name: 'fetch', listener: (event: FetchedEvent) => void): void;
  addEventListener(name: 'install' | 'activate', listener: (event: LivedEvent) => void): void;
  addEventListener(name: 'message', listener: (event: ToldEvent) => void): void;
  addEventListener(name: 'notificationclick', listener: (event: ClickedEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: object): Promise<readonly Tab[]>;
    openWindow(url: string): Promise<unknown>;
  };
  readonly registration: ServiceWorkerRegistration;
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

worker.addEventListener('message', (event) => event.waitUntil(show(event.data as Note)));
worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.tag));
});

const tabs = (): Promise<readonly Tab[]> =>
  worker.clients.matchAll({ type: 'window', includeUncontrolled: true });

/** A notification, unless a person looks at one of the tabs. */
async function show({ title, ...options }: Note): Promise<void> {
  if ((await tabs()).some(({ focused }) => focused)) return;
  // A newer message of a conversation takes the place of the one before, and tells again.
  const shown = { ...options, icon: '/icon.svg', renotify: true };
  await worker.registration.showNotification(title, shown);
}

/** Brings the person to the conversation: in the tab that was seen last, or in a new one. */
async function open(conversation: string): Promise<void> {
  const [tab] = await tabs();
  if (tab === undefined) {
    await worker.clients.openWindow(`/#${conversation}`);
    return;
  }
  tab.postMessage({ show: conversation });
  await tab.focus();
}
