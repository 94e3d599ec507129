/** The terminal chat. Exit codes: 0 quit, 1 failure, with one line that says why. */
import { exitWithout, openTerminals } from '@cim/runtime';
import { type RunningChat, startChat } from './compose.ts';
import { readChatConfig } from './config.ts';

const config = readChatConfig();
let chat: RunningChat | undefined;
let terminalIsGone = false;

const terminals = openTerminals();
const exit: (code: number) => never = (code) => exitWithout(terminalIsGone ? terminals : [], code);
const quit = (): void => {
  if (chat === undefined) exit(0);
  void chat.quit();
};
process.on('SIGTERM', quit);
process.on('SIGINT', () => {
  if (chat === undefined) exit(0);
  chat.interrupt();
});
const hangUp = (): void => {
  terminalIsGone = true;
  quit();
};
process.on('SIGHUP', hangUp);
process.stdin.on('error', hangUp);
// Or whoever read our output has left.
process.stdout.on('error', hangUp);
process.stderr.on('error', () => undefined);

const fail = (error: unknown): never => {
  chat?.close();
  console.error(`chat: ${error instanceof Error ? error.message : String(error)}`);
  return exit(1);
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

try {
  chat = await startChat(config, { input: process.stdin, output: process.stdout, errors: process.stderr });
  const end = await chat.finished;
  chat.close();
  if (end.line !== undefined) console.error(`chat: ${end.line}`);
  exit(end.code);
} catch (error) {
  fail(error);
}
