/** The place in the page, which the address shows behind `#`, so that links and the back button work. */
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  readonly view: string;
  /** The subject of the view, such as a user; '' while none is chosen. */
  readonly of: string;
}

export const placeOf = (hash: string): Place => {
  const [, view = '', of = ''] = /^#\/([\w-]*)(?:\/(.*))?$/.exec(hash) ?? [];
  return { view, of: decoded(of) };
};

export const hashOf = (view: string, of = ''): string =>
  `#/${view}${of === '' ? '' : `/${encodeURIComponent(of)}`}`;

export const go = (view: string, of = ''): void => {
  location.hash = hashOf(view, of);
};

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const moved = (): void => setPlace(placeOf(location.hash));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return place;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
