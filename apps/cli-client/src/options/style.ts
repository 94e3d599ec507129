/** Words for styles, as a person writes them into a theme: `bold yellow on-#202020`. */

const EFFECTS: ReadonlyMap<string, string> = new Map([
  ['bold', '1'],
  ['dim', '2'],
  ['italic', '3'],
  ['underline', '4'],
  ['inverse', '7'],
]);
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** Reads a style; `problem` names the word that is none. '' is no style at all. */
export function styleOf(words: string): { readonly style: string } | { readonly problem: string } {
  const codes: string[] = [];
  for (const word of words.split(/\s+/).filter((one) => one !== '')) {
    const code = EFFECTS.get(word) ?? colourOf(word);
    if (code === undefined)
      return {
        problem: `"${word}" is no style: it takes ${[...EFFECTS.keys()].join(', ')}, a colour (${COLOURS.join(', ')}, bright-red, 0 to 255, #rrggbb), or on- and a colour`,
      };
    codes.push(code);
  }
  return { style: codes.join(';') };
}

function colourOf(word: string): string | undefined {
  const isBackground = word.startsWith('on-');
  const colour = isBackground ? word.slice(3) : word;
  const base = isBackground ? 40 : 30;
  const isBright = colour.startsWith('bright-');
  const at = COLOURS.indexOf(isBright ? colour.slice(7) : colour);
  if (at >= 0) return String(base + at + (isBright ? 60 : 0));
  if (/^\d{1,3}$/.test(colour) && Number(colour) <= 255) return `${base + 8};5;${Number(colour)}`;
  const rgb = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour)?.slice(1);
  return rgb && `${base + 8};2;${rgb.map((hex) => parseInt(hex, 16)).join(';')}`;
}
