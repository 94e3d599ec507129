/** Hooks that ask the admin API. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, problemOf } from './api.ts';

export interface Asked<T> {
  /** The last answer. It stays while a later question fails. */
  readonly answer: T | undefined;
  /** Why the last question was not answered; '' when it was. */
  readonly problem: string;
  /** Asks at once. */
  readonly refresh: () => void;
}

/**
 * Asks for `path` now and again and again, unless the page is hidden.
 * @param everyMs time from an answer to the next question; 0: it asks once, and when `refresh` is called
 */
export function useAsked<T>(path: string | undefined, everyMs = 0): Asked<T> {
  const [said, setSaid] = useState<{ readonly of: string; readonly answer: T }>();
  const [problem, setProblem] = useState('');
  const [round, setRound] = useState(0);
  const newest = useRef(0);
  useEffect(() => {
    if (path === undefined) return undefined;
    const mine = ++newest.current;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (): void => {
      if (mine !== newest.current || everyMs === 0) return;
      timer = setTimeout(() => void question(), everyMs);
    };
    const question = async (): Promise<void> => {
      if (document.hidden) return again();
      try {
        const answer = await ask<T>('GET', path);
        if (mine !== newest.current) return;
        setSaid({ of: path, answer });
        setProblem('');
      } catch (error) {
        if (mine !== newest.current) return;
        setProblem(problemOf(error));
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
    problem: path === undefined ? '' : problem,
    refresh: () => setRound((before) => before + 1),
  };
}
