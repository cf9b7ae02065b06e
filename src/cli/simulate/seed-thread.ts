/* A thread of `meshwork simulate`: nothing interrupts a seed from within, but its thread can be ended. */
import { parentPort, workerData } from 'node:worker_threads'
import { simulate } from '../../testing/index.ts'
import type { FromSeedThread, SeedThreadData } from './seeds.ts'

/** Lines of a trace that may be on their way: more of them wait until these are printed. */
const linesOnTheWay = 1_000

const { init, traces, printed } = workerData as SeedThreadData
const { seed: first = 1, seeds = 1, shrinks = true, ...options } = init
let lines = 0

function tell(message: FromSeedThread): void {
  parentPort?.postMessage(message)
}

function trace(line: string): void {
  tell({ type: 'trace', line })
  lines += 1
  for (let seen = 0; lines - seen > linesOnTheWay;) {
    seen = Atomics.load(printed, 0)
    if (lines - seen > linesOnTheWay) Atomics.wait(printed, 0, seen)
  }
}

for (let seed = first; seed < first + seeds; seed++) {
  const onTrace = traces ? trace : undefined
  for (const run of simulate({ ...options, seed, shrinks: false, onTrace })) {
    const goesOn = shrinks && run.violations.length > 0
    tell({ type: goesOn ? 'failed' : 'ran', run })
    // The same run once more, since it may take long to find a smaller one.
    if (goesOn)
      for (const shrunk of simulate({ ...options, seed })) tell({ type: 'ran', run: shrunk })
  }
}
