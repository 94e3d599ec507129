/** The terminal chat. Exit codes: 0 quit, 1 failure, with one line that says why. */
import { type RunningChat, startChat } from './compose.ts';
import { readChatConfig } from './config.ts';

const config = readChatConfig();
let chat: RunningChat | undefined;

const quit = (): void => {
  if (chat === undefined) process.exit(0);
  void chat.quit();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, quit);
// Whoever read our output has left.
process.stdout.on('error', quit);
process.stderr.on('error', () => undefined);

const fail = (error: unknown): never => {
  chat?.close();
  console.error(`chat: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

try {
  chat = await startChat(config, { input: process.stdin, output: process.stdout, errors: process.stderr });
  const end = await chat.finished;
  chat.close();
  if (end.line !== undefined) console.error(`chat: ${end.line}`);
  process.exit(end.code);
} catch (error) {
  fail(error);
}
