/** Settings, which an environment sets that may not be ours, with texts made to hold a program up. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { readConfig } from './config.ts';
import { settings } from './settings.ts';

describe('a text of 8 KiB made to hold a program up', () => {
  it('is read in milliseconds as the value of each setting', () => {
    assertQuick((text) => {
      const env = Object.fromEntries(Object.values(settings).map((option) => [option.env, text]));
      return readConfig('test', settings, [], env);
    });
  });

  it('is read in milliseconds as a flag and as the name of a setting', () => {
    // Only as a flag: Node's parseArgs itself takes 35 ms for an argument of 8 KiB without dashes, which no stranger writes.
    assertQuick((text) => readConfig('test', settings, [`--${text}`], { [`CIM_${text}`]: text }));
  });
});
