import { foldName } from '@cim/protocol';

/**
 * One set of files for a name on a route. Never a name of the file system's own, whatever the user's name.
 * @param device of a second terminal of the same name; '' for the first
 */
export function stateName(route: string, name: string, device = ''): string {
  const host = route.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_');
  const user = `${host}-${encodeURIComponent(foldName(name))}`.slice(0, 200);
  return device === '' ? user : `${user}@${device}`;
}
