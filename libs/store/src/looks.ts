/**
 * The look of a name, after Unicode's UTS 39: a reader cannot distinguish two names that share a look. The
 * table of look-alikes comes with the package `unhomoglyph` (Unicode 13). Characters of later versions stand
 * for themselves.
 */
import { foldName } from '@cim/protocol';
import unhomoglyph from 'unhomoglyph';

/** The skeleton of UTS 39, section 4. Compare it, but never show it. */
const skeleton = (text: string): string => unhomoglyph(text.normalize('NFD')).normalize('NFD');

/**
 * The looks of a name, one or two, sorted. A look is taken when another name has the same. There are two
 * because case is ignored: the name as it is written and as it is folded. "aIice" (with a capital i) is
 * written like "alice", and "ALICE" is the same name as "alice".
 */
export function looksOf(name: string): string[] {
  const looks = [skeleton(foldName(skeleton(name))), skeleton(foldName(name))];
  return [...new Set(looks)].sort();
}
