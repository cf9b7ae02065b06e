import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Entry } from '../core/entries.ts'
import type { Lsn, StorageId } from '../core/ids.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { EntryCodec } from './entry-codec.ts'
import { reasonOf, StoreCorruptError } from './errors.ts'
import { unpackPage } from './pages.ts'
import type { SegmentFile } from './recovery.ts'
import { SegmentReader } from './segment-reader.ts'

export interface ReplayInit {
  readonly dataDir: string
  readonly storageId: StorageId
  readonly codec: EntryCodec
  readonly checkpoints: Checkpoints
  readonly files: readonly SegmentFile[]
}

/** Entries given at a time, so that whoever replays can let others run. */
const sliceEntries = 500

/** The checkpoint's entries, then those of the journal behind it. */
export async function* replayEntries(init: ReplayInit): AsyncGenerator<readonly Entry[]> {
  const { checkpoints, files } = init
  let count = 0
  for await (const page of checkpoints.pages()) {
    const entries: Entry[] = []
    for (const body of unpackPage(page)) {
      count += 1
      entries.push(decode(init, body, `entry ${count} of its checkpoint`))
    }
    yield entries
  }
  const covered = checkpoints.current?.lsn ?? 0
  for (const file of files) yield* replaySegment(init, file, covered)
}

async function* replaySegment(
  init: ReplayInit,
  file: SegmentFile,
  covered: Lsn,
): AsyncGenerator<readonly Entry[]> {
  const bytes = (await readFile(file.path)).subarray(0, file.bytes)
  const reader = new SegmentReader(bytes, init.storageId, file.before)
  let entries: Entry[] = []
  for (let found = reader.next(); found !== undefined; found = reader.next()) {
    if (found.lsn <= covered) continue
    // A copy, so that an entry that keeps a view of its bytes does not keep the segment.
    const body = new Uint8Array(found.body)
    entries.push(decode(init, body, `entry ${found.lsn} of its journal`))
    if (entries.length < sliceEntries) continue
    yield entries
    entries = []
  }
  if (reader.fault !== undefined || reader.offset !== file.bytes) {
    const problem = reader.fault?.problem ?? 'the segment has become shorter'
    throw new StoreCorruptError(init.dataDir, `${problem} (journal/${basename(file.path)})`)
  }
  if (entries.length > 0) yield entries
}

function decode({ codec, dataDir }: ReplayInit, body: Uint8Array, name: string): Entry {
  try {
    return codec.decode(body)
  } catch (error) {
    const problem = `${name} cannot be read: ${reasonOf(error)}`
    throw new StoreCorruptError(dataDir, problem, { cause: error })
  }
}
