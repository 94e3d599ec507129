/** The settings of this process, read once: a module that is imported again gives the same. */
import { configureProcess } from '@cim/runtime';
import { imServerSettings } from './config.ts';

export const config = configureProcess('im-server', imServerSettings);
