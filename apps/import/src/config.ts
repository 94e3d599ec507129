import { type Option, pick, redisKeys, settings, text, type Values, yesOrNo } from '@cim/runtime';

/** What `cim import` reads from flags and environment. Where it writes is named as servers name it. */
export const importSettings = {
  from: text('CIM_FROM', '', 'Redis of CIM, which is read and never changed: redis://host:port/db', true),
  dataDir: {
    ...settings.dataDir,
    fallback: '',
    doc: 'Write into the folder of standalone, which must not run meanwhile; without this flag into Redis',
  } satisfies Option<string>,
  names: text('CIM_NAMES', '', 'JSON file with other names for users: {"<user id>": "<name>"}'),
  dryRun: yesOrNo('CIM_DRY_RUN', false, 'Read and report, and write nothing'),
  json: yesOrNo('CIM_JSON', false, 'The report as JSON'),
  ...pick(settings, ...redisKeys, 'durability'),
};

export type ImportConfig = Values<typeof importSettings>;

export const environment: Readonly<Record<string, string | undefined>> = process.env;
