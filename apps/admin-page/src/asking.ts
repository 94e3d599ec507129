/** Hooks that ask the admin API. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, problemOf } from './api.ts';

export interface Asked<T> {
  /** The last answer. It stays while a later question fails. */
  readonly answer: T | undefined;
  /** Why the last question was not answered, so that `answer` is an old one; '' when it was. */
  readonly problem: string;
  /** Asks at once. */
  readonly refresh: () => void;
}

/**
 * Asks for `path` now, and then again and again while the page is not hidden.
 * @param everyMs time from an answer to the next question; 0: it asks once, and when `refresh` is called
 */
export function useAsked<T>(path: string | undefined, everyMs = 0): Asked<T> {
  const [said, setSaid] = useState<{ readonly of: string; readonly answer: T }>();
  const [failed, setFailed] = useState<{ readonly of: string; readonly problem: string }>();
  const [round, setRound] = useState(0);
  const newest = useRef(0);
  useEffect(() => {
    if (path === undefined) return undefined;
    const mine = ++newest.current;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (): void => {
      if (mine !== newest.current || everyMs === 0) return;
      timer = setTimeout(() => (document.hidden ? again() : void question()), everyMs);
    };
    const question = async (): Promise<void> => {
      try {
        const answer = await ask<T>('GET', path);
        if (mine !== newest.current) return;
        setSaid({ of: path, answer });
        setFailed(undefined);
      } catch (error) {
        if (mine !== newest.current) return;
        setFailed({ of: path, problem: problemOf(error) });
      }
      again();
    };
    void question();
    return () => {
      newest.current++;
      clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  const isOf = said !== undefined && said.of === path;
  return {
    answer: isOf ? said.answer : undefined,
    problem: path !== undefined && failed?.of === path ? failed.problem : '',
    refresh: () => setRound((before) => before + 1),
  };
}

export interface AskedPages<T> {
  readonly items: readonly T[] | undefined;
  readonly problem: string;
  /** Loads the next page. Undefined on the last page. */
  readonly more: (() => void) | undefined;
}

interface Loaded<T> {
  readonly of: string | undefined;
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

/** An answer with a page of a list, under one of two names. */
interface PageAnswer<T> {
  readonly items?: readonly T[];
  readonly recipients?: readonly T[];
  readonly next?: string;
}

/** Asks for a list page by page. */
export function usePages<T>(path: string | undefined): AskedPages<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ of: undefined, items: undefined, next: undefined });
  const [problem, setProblem] = useState('');
  const newest = useRef(path);
  const load = async (of: string, before: readonly T[], after: string): Promise<void> => {
    const query = after === '' ? '' : `${of.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`;
    try {
      const { items = [], recipients = items, next } = await ask<PageAnswer<T>>('GET', of + query);
      if (newest.current !== of) return;
      setLoaded({ of, items: [...before, ...recipients], next });
      setProblem('');
    } catch (error) {
      if (newest.current === of) setProblem(problemOf(error));
    }
  };
  useEffect(() => {
    newest.current = path;
    setProblem('');
    if (path !== undefined) void load(path, [], '');
    return () => {
      newest.current = undefined;
    };
  }, [path]);
  const { of, items, next } = loaded;
  if (path === undefined || of !== path) return { items: undefined, problem, more: undefined };
  return {
    ...{ items, problem },
    more: next === undefined ? undefined : () => void load(path, items ?? [], next),
  };
}
