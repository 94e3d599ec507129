import { foldName } from '@cim/protocol';

/** One set of files for a name on a route. Never a name of the file system's own, whatever the user's name. */
export function stateName(route: string, name: string): string {
  const host = route.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_');
  return `${host}-${encodeURIComponent(foldName(name))}`.slice(0, 200);
}
