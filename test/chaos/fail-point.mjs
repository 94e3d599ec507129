// Loaded before a server: kills its process at the nth time of a step of a send, CHAOS_KILL_AT=step:n.
import { subscribe } from 'node:diagnostics_channel';

const [step, nth] = (process.env.CHAOS_KILL_AT ?? '').split(':');
let times = 0;
subscribe('cim:send', (message) => {
  if (message.step === step && ++times >= Number(nth)) process.kill(process.pid, 'SIGKILL');
});
