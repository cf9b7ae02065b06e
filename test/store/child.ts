// A process for tests to kill: opens a directory, says what it found, and appends for ever,
// printing each lsn once it is acknowledged.
import { writeSync } from 'node:fs'
import { diskStore } from '../../src/store/disk-store.ts'
import { entry, jsonCodec } from './entries.ts'

const [dataDir = '', durability = ''] = process.argv.slice(2)
const store = diskStore({
  dataDir,
  codec: jsonCodec,
  durability: durability === 'disk' ? 'disk' : 'process',
  segmentBytes: 20_000,
  checkpointBytes: 100_000,
})
const { lsn } = await store.open()
let durable = lsn
store.onDurable(upTo => {
  durable = upTo
  writeSync(1, `${upTo}\n`)
})
writeSync(1, `open ${lsn}\n`)

const text = 'x'.repeat(200)
let next = lsn + 1
let checkpoint = Promise.resolve()
const turn = (): void => {
  setImmediate(turn)
  // As fast as the disk, not faster.
  if (next - durable > 50) return
  const size = 1 + (next % 7)
  const added = Array.from({ length: size }, (_, i) => entry(next + i, text))
  next = store.append(added) + 1
  // The state of this process is the number of its last entry.
  if (store.wantsCheckpoint) checkpoint = store.checkpoint(next - 1, [entry(next - 1)])
  checkpoint.catch(() => process.exit(3))
}
turn()
