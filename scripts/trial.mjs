// Runs a long trial (chaos, fuzz, attacks) against built servers. Further arguments are passed on to it.
import { spawn } from 'node:child_process';
import { ensureServices } from './services.mjs';
import { checkNode, exclusively, install, needs } from './set-up.mjs';

/** @param entry program of the trial @param usesServices whether it needs Redis and ZooKeeper */
export async function trial(entry, usesServices) {
  checkNode();
  await install();
  needs('tsx');
  try {
    if (usesServices) ensureServices();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  const { build, upToDate } = await import('./build.mjs');
  if (!upToDate()) await exclusively(build);

  const args = ['--import', 'tsx', entry, ...process.argv.slice(2)];
  // In its own process group, so that Ctrl-C reaches it and not the servers that it runs. The channel tells
  // it when this process ends.
  const run = spawn(process.execPath, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => run.kill(signal));
  run.on('exit', (status) => process.exit(status ?? 1));
}
