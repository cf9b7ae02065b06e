// Handlers that do what handlers should not, for the process tests.
import { appendFileSync, readFileSync } from 'node:fs'

interface Context {
  readonly taskId: string
}

/** Computes for so long, without ever giving its event loop a turn; notes its start in a file. */
export function spin(
  { ms, log }: { readonly ms: number; readonly log: string },
  { taskId }: Context,
): string {
  appendFileSync(log, `${taskId}\n`)
  const until = performance.now() + ms
  while (performance.now() < until);
  return 'spun'
}

/** Allocates until somebody stops it. */
export function devour(kind: 'objects' | 'buffers'): never {
  const all: unknown[] = []
  for (;;) all.push(kind === 'objects' ? { all } : Buffer.alloc(10_000_000, 1))
}

/** Ends what it runs in. */
export function exit(code: number): never {
  process.exit(code)
}

/** Ends its process, as a fault in native code does. */
export function crash(signal: NodeJS.Signals): Promise<never> {
  process.kill(process.pid, signal)
  return new Promise(() => undefined)
}

/** Never ends and never listens. */
export function forever(_: unknown, ctx: Context & { log(line: string): void }): never {
  ctx.log('and ever')
  for (;;);
}

/** Notes its start in a file and waits, in native code, until somebody writes to a pipe. */
export function native({ pipe, log }: { readonly pipe: string; readonly log: string }): void {
  appendFileSync(log, 'native\n')
  readFileSync(pipe)
}

/** Prints where others print JSON. */
export function print(text: string): void {
  console.log(text)
  process.stdout.write(`${text}\n`)
  console.error(text)
}

export function echo(input: unknown): unknown {
  return input
}
