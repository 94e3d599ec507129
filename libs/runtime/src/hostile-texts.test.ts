/** Settings come from an environment that may not be ours. They get texts built to make a program slow. */
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
    // The texts are tested as flags only. For an argument of 8 KiB without dashes Node's parseArgs itself
    // takes 35 ms, and no stranger writes arguments.
    assertQuick((text) => readConfig('test', settings, [`--${text}`], { [`CIM_${text}`]: text }));
  });
});
