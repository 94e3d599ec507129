#!/usr/bin/env node
/**
 * The program `cim`. Its first word names a part, which is then loaded and gets the remaining words. Exit
 * code 2: there is no such part.
 */
interface Part {
  readonly about: string;
  readonly run: (words: readonly string[]) => Promise<unknown>;
}

const script =
  (name: 'send' | 'online' | 'history' | 'tail'): Part['run'] =>
  async (words) =>
    (await import('@cim/cli-client')).startScript(name, words);

const PARTS: Readonly<Record<string, Part>> = {
  chat: {
    about: 'chat in the terminal',
    run: async () => (await import('@cim/cli-client')).startTerminal(),
  },
  send: { about: 'say something, from a script', run: script('send') },
  online: { about: 'list who is online', run: script('online') },
  history: { about: 'show what both sides said', run: script('history') },
  tail: { about: 'show messages as they come', run: script('tail') },
  admin: {
    about: 'ask and command the servers of a cluster',
    run: async (words) => (await import('@cim/admin-cli')).runAdmin(words),
  },
  import: {
    about: 'take over accounts and waiting texts of a Java CIM',
    run: async (words) => (await import('@cim/import')).startImport(words),
  },
};

const usage = (): string => {
  const names = Object.entries(PARTS).map(([name, { about }]) => `  ${name.padEnd(9)}${about}`);
  return `usage: cim PART [...]\n\n${names.join('\n')}\n\n'cim PART --help' tells more of one part.\n`;
};

const [node = '', program = '', name, ...words] = process.argv;
const part = name !== undefined && Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
if (part !== undefined) {
  process.argv = [node, program, ...words];
  await part.run(words);
} else if (name === '--help' || name === 'help') process.stdout.write(usage());
else {
  const wrong = name === undefined ? 'name a part' : `there is no part ${JSON.stringify(name)}`;
  console.error(`cim: ${wrong}: ${Object.keys(PARTS).join(', ')}; --help lists them`);
  process.exitCode = 2;
}
