// Queues that the nodes of the process tests serve.
import { createHash } from 'node:crypto'
import { appendFile, access, readFile } from 'node:fs/promises'
import { watch } from 'node:fs'
import { dirname } from 'node:path'

interface Context {
  readonly signal: AbortSignal
  readonly taskId: string
  readonly attempt: number
}

/** Gives back what it gets. */
export function echo(input: unknown): unknown {
  return input
}

/** The SHA-256 of a file. */
export async function hash({ path }: { readonly path: string }): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** Takes a while without using a core. */
export async function nap({ ms }: { readonly ms: number }, { signal }: Context): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
  return process.pid
}

/** Runs until a file exists, and notes each start in another. */
export async function hold(
  input: { readonly gate: string; readonly log: string },
  { signal, taskId }: Context,
): Promise<number> {
  await appendFile(input.log, `${taskId} ${process.pid}\n`)
  await opened(input.gate, signal)
  return process.pid
}

/** Notes its start in a file, then takes a while. */
export async function note(
  { log, ms }: { readonly log: string; readonly ms: number },
  it: Context,
): Promise<void> {
  await appendFile(log, `${it.taskId} ${process.pid}\n`)
  await nap({ ms }, it)
}

/** Never ends, whatever its signal says, until a file exists. */
export async function linger(
  input: { readonly gate: string; readonly log: string },
  { taskId }: Context,
): Promise<void> {
  await appendFile(input.log, `${taskId} ${process.pid}\n`)
  await opened(input.gate, new AbortController().signal)
}

/** Always fails. */
export function fail({ message }: { readonly message: string }): never {
  throw new Error(message)
}

async function opened(gate: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const check = (): void => void access(gate).then(resolve, () => undefined)
  const watcher = watch(dirname(gate), check)
  const stop = (): void => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    // The file may have come before the watcher.
    check()
    await promise
  } finally {
    watcher.close()
    signal.removeEventListener('abort', stop)
  }
}
