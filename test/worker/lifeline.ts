import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { folder } from './harness.ts'

/** Longest time from the making of the pipe to its end: nodes may have to start meanwhile. */
const patienceMs = 120_000

/** A named pipe that processes hold open while they live. */
export interface Lifeline {
  /** The pipe, to be opened for reading and writing, as a writer alone would wait for a reader. */
  readonly path: string
  /** For the start of a shell command: it and all that it starts hold the pipe. */
  readonly hold: string
  /** Resolves when every process that has held the pipe is gone. */
  readonly cut: Promise<void>
}

/** Makes a pipe by whose end the end of processes is seen, however they were started or ended. */
export async function lifeline(t: TestContext): Promise<Lifeline> {
  const path = join(await folder(t, {}), 'lifeline')
  execFileSync('mkfifo', [path])
  // Before anybody writes, it is not yet at its end.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const socket = new Socket({ fd, readable: true, writable: false })
  const cut = once(socket, 'end', { signal: AbortSignal.timeout(patienceMs) }).then(() => undefined)
  cut.catch(() => undefined)
  t.after(() => socket.destroy())
  socket.resume()
  return { path, hold: `exec 9<>'${path}';`, cut }
}
