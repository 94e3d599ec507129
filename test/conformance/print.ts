import { GOLDEN, hexOf } from './golden.ts';
import type { Options } from './options.ts';

/** What can be printed without a server: golden bytes, and the rules with their sentences. */
export function printed({ wires, only, json }: Options): readonly string[] {
  const golden = GOLDEN.filter(({ wire }) => wires.some(({ name }) => name === wire));
  const rules = wires.flatMap((wire) => wire.rules).filter(({ name }) => name.startsWith(only));
  if (json)
    return [
      ...golden.map(({ wire, about, bytes }) => JSON.stringify({ wire, about, bytes: hexOf(bytes) })),
      ...rules.map(({ name, says, where }) => JSON.stringify({ name, says, where })),
    ];
  return [
    'Golden bytes: frames as they are to be on the wire, their length included.',
    ...golden.flatMap(({ wire, about, bytes }) => ['', `${wire}: ${about}`, `  ${hexOf(bytes)}`]),
    '',
    'Rules. With --route URL the same command shows the dialogue of each check.',
    ...rules.flatMap(({ name, says, where }) => ['', name, `  ${says} (docs/${where})`]),
  ];
}
