/** Finds what is wrong with a cluster, in one line each, the worst first. */
import { type Static, Type } from 'typebox';
import { oneOf } from '../v1/shapes.ts';

const LEVELS = ['bad', 'warning', 'note'] as const;
export const WrongShape = Type.Object({
  level: oneOf(
    LEVELS,
    '`bad`: users notice, or will soon; `warning`: look at it today; `note`: under way, no fault',
  ),
  text: Type.String({ description: 'one line for people' }),
});
export type Wrong = Static<typeof WrongShape>;

/** An event loop that comes later than this makes everybody wait [ms]; the alert has the same limit. */
const LATE_MS = 100;
/** Of one core, which is all that one process can use for messages. */
const BUSY = 0.9;

interface ProcessFacts {
  readonly version?: string;
  readonly load?: { readonly cpu: number; readonly loopDelayMs: number; readonly serving?: boolean };
}

export interface ServerFacts extends ProcessFacts {
  readonly instance?: string;
  readonly moving?: string;
  readonly unknown?: string;
}

export interface ClusterFacts {
  readonly items: readonly ServerFacts[];
  readonly route: ProcessFacts;
  readonly registry: { readonly connected: boolean; readonly problem?: string };
  readonly store: { readonly problem?: string };
  readonly webhooks: readonly FailingWebhook[] | { readonly unknown: string };
}

export interface FailingWebhook {
  readonly name: string;
  readonly failingSince: string;
  readonly problem: string;
}

export function wrongOf({ items, route, registry, store, webhooks }: ClusterFacts): Wrong[] {
  const found: Wrong[] = [];
  const say = (level: Wrong['level'], text: string): void => void found.push({ level, text });
  if (store.problem !== undefined) say('bad', `the store takes no messages: ${store.problem}`);
  if (!registry.connected) say('bad', 'the registry is not connected: the list may be old');
  if (registry.problem !== undefined) say('bad', `registry: ${registry.problem}`);
  if (!items.some(({ instance, moving }) => instance !== undefined && moving === undefined))
    say('bad', 'no im-server takes logins');
  for (const { instance, unknown, moving, load } of items) {
    const name = instance ?? 'a server of CIM';
    if (unknown !== undefined)
      say(instance === undefined ? 'note' : 'bad', `${name}: load unknown, ${unknown}`);
    if (load?.serving === false) say('bad', `${name}: not serving, the store has not renewed its lease`);
    if (moving !== undefined) say('note', `${name}: its sessions move to the others (${moving})`);
  }
  for (const { name, load } of [
    ...items.map((server) => ({ ...server, name: server.instance ?? '' })),
    { ...route, name: 'this route' },
  ]) {
    if (load !== undefined && load.loopDelayMs >= LATE_MS)
      say('warning', `${name}: its event loop came ${Math.round(load.loopDelayMs)} ms late`);
    if (load !== undefined && load.cpu >= BUSY)
      say('warning', `${name}: it uses ${Math.round(load.cpu * 100)}% of a core`);
  }
  if ('unknown' in webhooks) say('warning', `webhooks: unknown, ${webhooks.unknown}`);
  else
    for (const { name, failingSince, problem } of webhooks)
      say('warning', `webhook ${name} fails since ${failingSince}: ${problem}`);
  const versions = [...items, route].flatMap(({ version }) => version ?? []);
  const different = [...new Set(versions)].sort();
  if (different.length > 1) say('note', `several versions run: ${different.join(', ')}`);
  return found.sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
}
