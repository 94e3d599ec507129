/** The settings of this process, read once: every import gets the same object. */
import { configureProcess } from '@cim/runtime';
import { imServerSettings } from './config.ts';

export const config = configureProcess('im-server', imServerSettings);
