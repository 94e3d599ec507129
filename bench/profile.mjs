// Preloaded into servers that are to be profiled: on exit, their processor time by function, for DevTools.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, join } from 'node:path';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.start');
process.on('exit', () => {
  session.post('Profiler.stop', (error, answer) => {
    if (error !== null) throw error;
    const directory = process.env.BENCH_PROFILE ?? '.';
    mkdirSync(directory, { recursive: true });
    const name = `${basename(process.argv[1] ?? 'node', '.js')}-${process.pid}.cpuprofile`;
    writeFileSync(join(directory, name), JSON.stringify(answer.profile));
  });
});
