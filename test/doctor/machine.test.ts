import { type Case, found, knows } from './cases.ts'
import { goodFacts } from './facts.ts'

const corrupt = Object.assign(new Error('corrupt'), {
  name: 'StoreCorruptError',
  problem: 'its journal ends at entry 3, but entry 9 was durable',
})

const machine: readonly Case[] = [
  {
    name: 'an old Node',
    facts: found('runtime', { nodeVersion: '22.17.1' }),
    level: 'problem',
    check: 'node',
    pattern: /22\.17\.1 is older than 22\.18 → install Node/,
  },
  {
    name: 'few open files',
    facts: found('runtime', { openFilesMax: 512 }),
    level: 'warning',
    check: 'open-files',
    pattern: /only 512 .* ulimit -n/,
  },
  {
    name: 'too few open files',
    facts: found('runtime', { openFilesMax: 64 }),
    level: 'problem',
    check: 'open-files',
    pattern: /only 64 /,
  },
  {
    name: 'a full disk',
    facts: found('disk', { freeBytes: 5 * 2 ** 20 }),
    level: 'problem',
    check: 'disk',
    pattern: /only 5 MiB are free in \/data → free some space/,
  },
  {
    name: 'a disk that is nearly full',
    facts: found('disk', { freeBytes: 500 * 2 ** 20 }),
    level: 'warning',
    check: 'disk',
    pattern: /only 500 MiB/,
  },
  {
    name: 'a disk without inodes',
    facts: found('disk', { freeFiles: 3 }),
    level: 'problem',
    check: 'disk',
    pattern: /only 3 more files/,
  },
  {
    name: 'slow syncs',
    facts: found('disk', { syncMs: 42.5 }),
    level: 'warning',
    check: 'fsync',
    pattern: /42\.5 ms .* SSD/,
  },
  {
    name: 'a folder that cannot be written to',
    facts: found('disk', { syncMs: undefined, syncFailed: 'EACCES' }),
    level: 'problem',
    check: 'fsync',
    pattern: /EACCES → make \/data writable/,
  },
  ...(
    [
      [0x6969, /network file system/],
      [0x01021994, /tmpfs/],
      [0x01021997, /shared from outside/],
      [0x794c7630, /container.*volume/],
    ] as const
  ).map(([fileSystemType, pattern]) => ({
    name: `file system ${fileSystemType.toString(16)}`,
    facts: found('disk', { fileSystemType }),
    level: 'warning' as const,
    check: 'file-system',
    pattern,
  })),
  {
    name: 'a corrupt data directory',
    facts: found('data', { state: 'failed', error: corrupt }),
    level: 'problem',
    check: 'data',
    pattern: /\/data is corrupt: its journal ends at entry 3.* → start the node: it sets/,
  },
  {
    name: 'a data directory of a newer version',
    facts: found('data', {
      state: 'failed',
      error: Object.assign(new Error('new'), { name: 'StoreVersionError' }),
    }),
    level: 'problem',
    check: 'data',
    pattern: /newer version → upgrade/,
  },
  {
    name: 'a damaged key',
    facts: found('data', {
      state: 'failed',
      error: Object.assign(new Error('peer.key'), { name: 'InvalidParametersError' }),
    }),
    level: 'problem',
    check: 'data',
    pattern: /remove the file peer\.key/,
  },
  {
    name: "somebody else's data directory",
    facts: found('data', {
      state: 'failed',
      error: Object.assign(new Error('no'), { code: 'EACCES' }),
    }),
    level: 'problem',
    check: 'data',
    pattern: /may not read and write \/data → make it yours/,
  },
  {
    name: 'a data directory that is a file',
    facts: found('data', {
      state: 'failed',
      error: Object.assign(new Error('no'), { code: 'ENOTDIR' }),
    }),
    level: 'problem',
    check: 'data',
    pattern: /not a folder/,
  },
  {
    name: 'a data directory that fails otherwise',
    facts: found('data', { state: 'failed', error: new Error('input/output error') }),
    level: 'problem',
    check: 'data',
    pattern: /input\/output error → check the disk/,
  },
  {
    name: 'a clock that jumps',
    facts: goodFacts({
      clock: {
        started: { wallMs: 1_800_000_000_000, monotonicMs: 0 },
        ended: { wallMs: 1_800_000_000_500, monotonicMs: 5_000 },
      },
    }),
    level: 'warning',
    check: 'clock',
    pattern: /jumped by -4500 ms within 5\.0 s.*NTP/,
  },
  {
    name: 'a clock that was never set',
    facts: goodFacts({
      clock: {
        started: { wallMs: 0, monotonicMs: 0 },
        ended: { wallMs: 6_000, monotonicMs: 6_000 },
      },
    }),
    level: 'warning',
    check: 'clock',
    pattern: /says 1970-01-01/,
  },
]

knows('the machine', machine)
