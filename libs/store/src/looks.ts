/**
 * What a name looks like, after Unicode's UTS 39: two names that share a look cannot be told apart by a reader. The
 * table of look-alikes comes with the package `unhomoglyph` (Unicode 13); characters of later versions stand for
 * themselves.
 */
import { foldName } from '@cim/protocol';
import unhomoglyph from 'unhomoglyph';

/** UTS 39, section 4: the skeleton. A value to compare, never to be shown. */
const skeleton = (text: string): string => unhomoglyph(text.normalize('NFD')).normalize('NFD');

/**
 * The looks of a name, one or two, sorted. A look counts as taken when one of another name is the same.
 * As it is written and as it is folded, since case is ignored: "aIice" (with a capital i) is written like "alice", and
 * "ALICE" is the same name as "alice".
 */
export function looksOf(name: string): string[] {
  const looks = [skeleton(foldName(skeleton(name))), skeleton(foldName(name))];
  return [...new Set(looks)].sort();
}
