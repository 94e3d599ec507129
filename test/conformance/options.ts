import { parseArgs } from 'node:util';
import { type Wire, WIRES } from './wires.ts';

export interface Options {
  /** Without a slash at its end; absent: only print. */
  readonly routeUrl: string | undefined;
  /** Those of which rules are asked for. */
  readonly wires: readonly Wire[];
  /** Only rules whose name begins so. */
  readonly only: string;
  /** Leave out the rules that wait for a clock. */
  readonly quick: boolean;
  readonly json: boolean;
  readonly print: boolean;
}

/** The arguments are wrong. Its message is one line. */
export class WrongArguments extends Error {}

export const HELP = `Checks a server against docs/protocol.md and docs/http.md.

npm run conformance -- --route URL [--wire ${WIRES.map(({ name }) => name).join('|')}] [--only NAME] [--quick] [--json] [--print]
npm run conformance -- --print [--wire NAME]

--route URL   the route, such as http://127.0.0.1:8083. Nobody else should use the server meanwhile
--wire NAME   only the rules of this wire; absent: all
${WIRES.map(({ name, about }) => `                ${name.padEnd(4)} ${about}`).join('\n')}
--only NAME   only rules whose name begins with it, such as cim/login
--quick       without the rules that wait for a clock of the server, which take up to 40 s
--json        one JSON object for each rule, then one with the sum
--print       with --route: the dialogue of each check, as it was. Without: golden bytes and all rules

Ends with 0 when every rule holds, 1 when one does not, 2 when nothing could be checked.
`;

/** @throws {WrongArguments} */
export function optionsOf(args: readonly string[]): Options | 'help' {
  const { values } = parsed(args);
  if (values.help) return 'help';
  const wires = WIRES.filter(({ name }) => values.wire === undefined || values.wire === name);
  if (wires.length === 0)
    throw new WrongArguments(
      `--wire ${values.wire}: it is one of ${WIRES.map(({ name }) => name).join(', ')}`,
    );
  const print = values.print === true;
  if (values.route === undefined && !print)
    throw new WrongArguments(
      '--route URL is missing, such as --route http://127.0.0.1:8083 (--help lists all)',
    );
  const only = values.only ?? '';
  const asked = wires.filter(({ rules }) => rules.some(({ name }) => name.startsWith(only)));
  if (asked.length === 0)
    throw new WrongArguments(
      `--only ${only}: no rule of ${wires.map(({ name }) => name).join(', ')} has a name that begins so (--print lists them)`,
    );
  return {
    routeUrl: values.route === undefined ? undefined : urlOf(values.route),
    ...{ wires: asked, only, print },
    quick: values.quick === true,
    json: values.json === true,
  };
}

function parsed(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  const flags = { quick: flag, json: flag, print: flag, help: flag };
  try {
    return parseArgs({ args: [...args], options: { route: text, wire: text, only: text, ...flags } });
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new WrongArguments(`${line} (--help lists the options)`);
  }
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new WrongArguments(`--route ${text}: it is to be a URL such as http://127.0.0.1:8083`);
  return url.href.endsWith('/') ? url.href.slice(0, -1) : url.href;
}
