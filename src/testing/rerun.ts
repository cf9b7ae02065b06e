import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The variable that gives a seed to clusters that are made without one. */
export const seedVariable = 'MESHWORK_SEED'

/** The seed of a cluster that was given none: that of the environment, or any. */
export function seedOf(given: number | undefined): number {
  const text = process.env[seedVariable]
  if (given !== undefined) return given
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text)
  return Math.floor(Math.random() * 2 ** 32)
}

/** The command that runs a test file again, with the seed that failed. */
export function rerunCommand(seed: number, file: string | undefined): string {
  const runner = process.env['VITEST'] === undefined ? 'node --test' : 'npx vitest run'
  return `${seedVariable}=${seed} ${runner}${file === undefined ? '' : ` ${file}`}`
}

/** The file from which this package was called, relative to the working folder. */
export function callingFile(stack = new Error('where').stack ?? ''): string | undefined {
  const own = stack.split('\n').findLastIndex(line => line.includes(import.meta.dirname))
  for (const line of stack.split('\n').slice(own + 1)) {
    const [, place] = /\(?((?:file:\/\/)?\/[^)]*?):\d+:\d+\)?$/.exec(line) ?? []
    if (place === undefined) continue
    return relative(process.cwd(), place.startsWith('file:') ? fileURLToPath(place) : place)
  }
  return undefined
}
